//! What a file is, by its first bytes, where it is not what was asked for: errors say that, and what to do.

/// A sort of file: its name with its article, and what can be done with it instead.
struct Sort {
    name: &'static str,
    advice: &'static str,
}

const CONVERT: &str = "save it as PNG, TIFF or JPEG";
const DEVELOP: &str =
    "develop it first, in the camera maker's program, darktable or RawTherapee, and save a 16-bit TIFF";
const EXPORT: &str = "export it as TIFF, for example with Fiji (ImageJ) and Bio-Formats";
const NO_PHOTO: &str = "it holds no photo";

/// Beginnings that tell a file: where, which bytes, what it is.
const BEGINNINGS: &[(usize, &[u8], Sort)] = &[
    (0, b"%PDF", Sort { name: "a PDF document", advice: "export the picture from it" }),
    (0, b"%!PS", Sort { name: "a PostScript document", advice: CONVERT }),
    (0, b"8BPS", Sort { name: "a Photoshop document (PSD)", advice: CONVERT }),
    (0, b"gimp xcf", Sort { name: "a GIMP document (XCF)", advice: CONVERT }),
    (0, b"\xff\x0a", Sort { name: "a JPEG XL file", advice: CONVERT }),
    (0, b"\0\0\0\x0cJXL ", Sort { name: "a JPEG XL file", advice: CONVERT }),
    (0, b"\0\0\0\x0cjP  ", Sort { name: "a JPEG 2000 file", advice: CONVERT }),
    (0, b"\xff\x4f\xff\x51", Sort { name: "a JPEG 2000 file", advice: CONVERT }),
    (0, b"II\xbc", Sort { name: "a JPEG XR file", advice: CONVERT }),
    (0, b"\x76\x2f\x31\x01", Sort { name: "an OpenEXR file", advice: "save it as a float TIFF" }),
    (0, b"#?RADIANCE", Sort { name: "a Radiance HDR file", advice: "save it as a float TIFF" }),
    (0, b"#?RGBE", Sort { name: "a Radiance HDR file", advice: "save it as a float TIFF" }),
    (0, b"DDS ", Sort { name: "a DDS texture", advice: CONVERT }),
    (0, b"qoif", Sort { name: "a QOI file", advice: CONVERT }),
    (0, b"farbfeld", Sort { name: "a farbfeld file", advice: CONVERT }),
    (0, b"\0\0\x01\0", Sort { name: "a Windows icon (ICO)", advice: CONVERT }),
    (0, b"FUJIFILMCCD-RAW", Sort { name: "a camera raw file (RAF)", advice: DEVELOP }),
    (0, b"FOVb", Sort { name: "a camera raw file (X3F)", advice: DEVELOP }),
    (0, b"\0MRM", Sort { name: "a camera raw file (MRW)", advice: DEVELOP }),
    (6, b"HEAPCCDR", Sort { name: "a camera raw file (CRW)", advice: DEVELOP }),
    (0, b"SIMPLE  =", Sort { name: "a FITS file of astronomers", advice: "save it as a float TIFF" }),
    (128, b"DICM", Sort { name: "a DICOM file", advice: "export it as TIFF" }),
    (0, b"ZISRAWFILE", Sort { name: "a microscope file (CZI)", advice: EXPORT }),
    (0, b"\xda\xce\xbe\x0a", Sort { name: "a microscope file (ND2)", advice: EXPORT }),
    (0, b"\x70\0\0\0", Sort { name: "a microscope file (LIF)", advice: EXPORT }),
    (0, b"\x93NUMPY", Sort { name: "a NumPy array", advice: "save it as TIFF, for example with tifffile" }),
    (0, b"\x89HDF\r\n\x1a\n", Sort { name: "an HDF5 file", advice: EXPORT }),
    (0, b"PK\x03\x04", Sort { name: "a zip archive", advice: "unpack it, and give a picture in it" }),
    (0, b"\x1f\x8b", Sort { name: "a gzip archive", advice: "unpack it, and give a picture in it" }),
    (0, b"7z\xbc\xaf\x27\x1c", Sort { name: "a 7z archive", advice: "unpack it, and give a picture in it" }),
    (0, b"Rar!", Sort { name: "a RAR archive", advice: "unpack it, and give a picture in it" }),
    (0, b"\x1aE\xdf\xa3", Sort { name: "a video (Matroska or WebM)", advice: "save a frame of it" }),
    (8, b"AVI ", Sort { name: "a video (AVI)", advice: "save a frame of it" }),
];

/// Brands of files that begin with an `ftyp` box (ISO base media).
const BRANDS: &[(&[u8], Sort)] = &[
    (b"crx ", Sort { name: "a camera raw file (CR3)", advice: DEVELOP }),
    (
        b"avif",
        Sort {
            name: "an AVIF photo",
            advice: "browsers can open it, this program cannot: save it as PNG, TIFF or JPEG",
        },
    ),
    (b"avis", Sort { name: "an AVIF sequence", advice: CONVERT }),
    (b"heic", Sort { name: "a HEIC photo", advice: HEIC }),
    (b"heix", Sort { name: "a HEIC photo", advice: HEIC }),
    (b"hevc", Sort { name: "a HEIC sequence", advice: HEIC }),
    (b"heim", Sort { name: "a HEIC photo", advice: HEIC }),
    (b"heis", Sort { name: "a HEIC photo", advice: HEIC }),
    (b"mif1", Sort { name: "a HEIF photo (HEIC)", advice: HEIC }),
    (b"msf1", Sort { name: "a HEIF sequence (HEIC)", advice: HEIC }),
];
const HEIC: &str = "save it as JPEG, PNG or TIFF (iPhones send JPEG when Settings > Camera > Formats is set to Most Compatible)";

/// One sentence: what these bytes are, and what to do with them; `None` when that is not known.
pub(crate) fn describe(bytes: &[u8]) -> Option<String> {
    let tell = |sort: &Sort| format!("this is {}, which is not read: {}", sort.name, sort.advice);
    if bytes.get(4..8) == Some(b"ftyp") {
        // The main brand first, then those that it is said to be compatible with.
        let brands = bytes.get(8..bytes.len().min(64)).unwrap_or_default().chunks_exact(4);
        let known = |brand: &[u8]| BRANDS.iter().find(|(known, _)| *known == brand);
        let found = brands.filter_map(known).min_by_key(|(brand, _)| brand.ends_with(b"f1"));
        let video = Sort { name: "a video (MP4 or QuickTime)", advice: "save a frame of it" };
        return Some(tell(found.map_or(&video, |(_, sort)| sort)));
    }
    let begins =
        |(at, magic, _): &&(usize, &[u8], Sort)| bytes.get(*at..).is_some_and(|b| b.starts_with(magic));
    if let Some((_, _, sort)) = BEGINNINGS.iter().find(begins) {
        return Some(tell(sort));
    }
    text(bytes).as_ref().map(tell)
}

/// One sentence: what these bytes are in place of weights, and what to do; `None` when that is not known.
pub(crate) fn describe_weights(bytes: &[u8]) -> Option<String> {
    const FROM_PYTORCH: &str =
        "save the weights in PyTorch, with `torch.save(model.state_dict(), ...)` or as safetensors";
    let head = &bytes[..bytes.len().min(256)];
    let holds = |word: &[u8]| head.windows(word.len()).any(|w| w == word);
    if bytes.is_empty() {
        return Some("the file of weights is empty (0 bytes)".to_string());
    }
    if bytes.starts_with(b"\x89HDF\r\n\x1a\n") {
        return Some(format!("this is a Keras (HDF5) file, which is not read: {FROM_PYTORCH}"));
    }
    // The version of the format, then who wrote it, as protocol buffers have it.
    if matches!(bytes, [0x08, 1..=20, ..])
        && (holds(b"pytorch") || holds(b"onnx") || holds(b"ONNX") || matches!(bytes, [_, _, 0x12, ..]))
    {
        return Some(format!("this is an ONNX file, which is not read: {FROM_PYTORCH}"));
    }
    if bytes.starts_with(b"GGUF") {
        return Some(format!("this is a GGUF file, which is not read: {FROM_PYTORCH}"));
    }
    if bytes.get(257..262) == Some(b"ustar") || bytes.starts_with(b"\x1f\x8b") {
        return Some("this is an archive: unpack it, and give the weights in it".to_string());
    }
    let picture = matches!(bytes, [0xff, 0xd8, 0xff, ..]) || bytes.starts_with(b"\x89PNG");
    if picture {
        return Some("this is a picture, not a file of weights".to_string());
    }
    describe(bytes)
}

/// What a text is.
fn text(bytes: &[u8]) -> Option<Sort> {
    let beginning = &bytes[..bytes.len().min(1024)];
    let text = String::from_utf8_lossy(beginning).to_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let sort = |name, advice| Some(Sort { name, advice });
    if text.contains("<svg") {
        return sort("an SVG drawing", "it is made of lines and has no noise; export it as PNG if need be");
    }
    if text.starts_with("version https://git-lfs") {
        return sort(
            "a Git LFS pointer",
            "it stands in for the file: download the file itself (`git lfs pull`)",
        );
    }
    if text.starts_with("<!doctype html") || text.contains("<html") {
        return sort("a web page", "the download went to a page instead of the file");
    }
    if text.starts_with("<?xml") {
        return sort("an XML document", NO_PHOTO);
    }
    let printable = |b: &u8| b.is_ascii_graphic() || matches!(b, b' ' | b'\n' | b'\r' | b'\t');
    let portable = matches!(beginning, [b'P', b'1'..=b'7', b' ' | b'\n' | b'\r' | b'\t' | b'#', ..]);
    if portable {
        return sort("a portable anymap (PNM)", CONVERT);
    }
    let is_text = !beginning.is_empty() && beginning.iter().all(printable);
    if is_text && matches!(text.chars().next(), Some('{' | '[')) {
        return sort("a JSON text", NO_PHOTO);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn files_are_named() {
        let cases: [(&[u8], &str); 7] = [
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", "HEIC"),
            (b"\0\0\0\x18ftypavif\0\0\0\0mif1", "AVIF"),
            (b"\0\0\0\x18ftypisom\0\0\0\0mp41", "video"),
            (b"<?xml version='1.0'?>\n<!-- x --><svg/>", "SVG"),
            (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
            (b"%PDF-1.4", "PDF"),
            (b"P6\n2 2\n255\n", "PNM"),
        ];
        for (bytes, name) in cases {
            let said = describe(bytes).unwrap();
            assert!(said.contains(name), "{said}");
        }
        assert_eq!(describe(b"hello, I am a text file"), None);
    }
}

//! Which formats and depths are read and written, and what of a photo's metadata is kept: tried, and compared with the table
//! in the package's README. With `UNNOISE_WRITE_TABLE=1` the table is written anew.

use std::fmt::Write;

use unnoise::photo::{Format, ImageFile, Photo, Samples, TiffWriter, decode};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pkg-config/README.md");
const BEGIN: &str = "<!-- formats: written by tests/formats.rs -->\n";
const END: &str = "<!-- end of formats -->\n";
const SIZE: [usize; 2] = [12, 9];

/// Bytes of the pixels of a gray TIFF, and how it says what they are: bits, sample format, bytes.
struct Depth {
    name: &'static str,
    bits: u16,
    format: u16,
    /// Depth of the result.
    written: &'static str,
    bytes: Vec<u8>,
}

fn values() -> impl Iterator<Item = f64> {
    (0..SIZE[0] * SIZE[1]).map(|i| ((i * 37) % 101) as f64 + 100.0)
}

fn depths() -> Vec<Depth> {
    let of = |name, bits, format, bytes: Vec<u8>| Depth { name, bits, format, written: name, bytes };
    let each = |f: fn(f64) -> Vec<u8>| values().flat_map(f).collect::<Vec<u8>>();
    let packed = {
        let pairs: Vec<u16> = values().map(|v| v as u16).collect();
        let pack = |p: &[u16]| [(p[0] >> 4) as u8, ((p[0] & 15) << 4) as u8 | (p[1] >> 8) as u8, p[1] as u8];
        pairs.chunks(2).flat_map(pack).collect()
    };
    vec![
        Depth { written: "8 bit", ..of("1 bit", 1, 1, vec![0b1010_0101; 2 * SIZE[1]]) },
        Depth { written: "8 bit", ..of("4 bit", 4, 1, vec![0x5a; SIZE[0] * SIZE[1] / 2]) },
        of("8 bit", 8, 1, each(|v| vec![v as u8])),
        Depth { written: "16 bit", ..of("12 bit, packed", 12, 1, packed) },
        of("16 bit", 16, 1, each(|v| (v as u16).to_le_bytes().to_vec())),
        of("32 bit", 32, 1, each(|v| (v as u32 * 70_000).to_le_bytes().to_vec())),
        of("64 bit", 64, 1, each(|v| (v as u64 * 70_000).to_le_bytes().to_vec())),
        of("8 bit, signed", 8, 2, each(|v| (v as i64 - 150).to_le_bytes()[..1].to_vec())),
        of("16 bit, signed", 16, 2, each(|v| (v as i16 * 20 - 3000).to_le_bytes().to_vec())),
        of("32 bit, signed", 32, 2, each(|v| (v as i32 * 20 - 3000).to_le_bytes().to_vec())),
        of("16 bit, float", 16, 3, each(|v| half::f16::from_f64(v).to_le_bytes().to_vec())),
        of("32 bit, float", 32, 3, each(|v| (v as f32 * 1.5 - 200.0).to_le_bytes().to_vec())),
        of("64 bit, float", 64, 3, each(|v| (v * 1.5 - 200.0).to_le_bytes().to_vec())),
    ]
}

/// A gray TIFF with one strip.
fn tiff(depth: &Depth) -> Vec<u8> {
    let [width, height] = SIZE.map(|side| side as u32);
    let tags: [(u16, u16, u32); 9] = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, u32::from(depth.bits)),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (279, 4, depth.bytes.len() as u32),
        (339, 3, u32::from(depth.format)),
    ];
    let mut file =
        [b"II*\0".as_slice(), &(8 + depth.bytes.len() as u32).to_le_bytes(), &depth.bytes].concat();
    file.extend((tags.len() as u16).to_le_bytes());
    for (tag, kind, value) in tags {
        file.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        file.extend([1u32.to_le_bytes(), value.to_le_bytes()].concat());
    }
    file.extend([0; 4]);
    file
}

/// The bytes of the first strip that this crate wrote, and its bits per sample.
fn strip(file: &[u8]) -> (&[u8], u16) {
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let directory = number(4);
    let count = usize::from(u16::from_le_bytes([file[directory], file[directory + 1]]));
    let entry = |tag: u16| {
        let at = |i: usize| directory + 2 + 12 * i;
        let found = (0..count).find(|&i| file[at(i)..at(i) + 2] == tag.to_le_bytes()).unwrap();
        number(at(found) + 8)
    };
    let (start, length) = (entry(273), entry(279));
    (&file[start..start + length], entry(258) as u16)
}

/// A file of the depth is read, and written in the depth it should be, the same to the last bit but for its packing.
fn check_depth(depth: &Depth) {
    let photo = decode(&tiff(depth)).unwrap_or_else(|e| panic!("{}: {e}", depth.name));
    let written = photo.encode(Format::Tiff, 0).unwrap();
    let (bytes, bits) = strip(&written);
    if depth.name == depth.written {
        assert_eq!(bits, depth.bits, "{}", depth.name);
        assert!(bytes == depth.bytes, "{} is not the same as before", depth.name);
    }
    let word = format!("{bits} bit");
    assert!(depth.written.starts_with(&word), "{}: {word}", depth.name);
    assert_eq!(decode(&written).unwrap().float32(), photo.float32(), "{}", depth.name);
    // What the other formats cannot hold is written stretched, and is not black.
    let jpeg = decode(&photo.encode(Format::Jpeg, 95).unwrap()).unwrap();
    let [least, most] = jpeg.float32().iter().fold([1f32, 0.0], |[a, b], v| [a.min(*v), b.max(*v)]);
    assert!(depth.bits < 8 || most - least > 0.3, "{}: {least} to {most}", depth.name);
}

/// A JPEG with everything a photo says of itself.
fn rich() -> Vec<u8> {
    let samples = (0..16 * 16 * 3).map(|i| (i * 5 % 256) as u8).collect();
    let plain = Photo::new(16, 16, 3, false, Samples::U8(samples)).unwrap().encode(Format::Jpeg, 90).unwrap();
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0".to_vec();
    exif.extend([0x0f, 1, 2, 0, 8, 0, 0, 0, 26, 0, 0, 0, 0, 0, 0, 0]);
    exif.extend(b"Cam-1234");
    let iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0e\x1c\x02\x05\0\x09Iptc-Name".to_vec();
    let mut profile = b"ICC_PROFILE\0\x01\x01".to_vec();
    profile.extend([0; 16]);
    profile.extend(b"RGB Profile-1234");
    let xmp = b"http://ns.adobe.com/xap/1.0/\0<x>Xmp-1234</x>".to_vec();
    let mut out = b"\xff\xd8".to_vec();
    let jfif = b"JFIF\0\x01\x02\x01\x01\x2c\x01\x2c\0\0".to_vec();
    for (marker, content) in [(0xe0, jfif), (0xe1, exif), (0xe1, xmp), (0xe2, profile), (0xed, iptc)] {
        out.extend([0xff, marker]);
        out.extend((content.len() as u16 + 2).to_be_bytes());
        out.extend(content);
    }
    // Behind the header of the plain one, which is a JFIF segment of 16 bytes.
    out.extend(&plain[20..]);
    out
}

/// What a file keeps of [`rich`], as a JPEG made of it shows: there, nothing is compressed.
fn kept(file: &[u8]) -> Vec<&'static str> {
    let jpeg = decode(file).unwrap().encode(Format::Jpeg, 90).unwrap();
    let holds = |word: &[u8]| jpeg.windows(word.len()).any(|w| w == word);
    let density = [[1, 300u16], [2, 118]].map(|[unit, value]| {
        let value = value.to_be_bytes();
        [b"JFIF\0\x01\x02".as_slice(), &[unit as u8], &value, &value].concat()
    });
    let all: [(&str, bool); 5] = [
        ("EXIF", holds(b"Cam-1234")),
        ("ICC", holds(b"RGB Profile-1234")),
        ("XMP", holds(b"Xmp-1234")),
        ("IPTC", holds(b"Iptc-Name")),
        ("dpi", density.iter().any(|density| holds(density))),
    ];
    all.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect()
}

fn table() -> String {
    let mut table = String::from(
        "| format | depths read | depths written | metadata kept | pages |\n|---|---|---|---|---|\n",
    );
    let rich = rich();
    assert_eq!(kept(&rich), ["EXIF", "ICC", "XMP", "IPTC", "dpi"]);
    let photo = decode(&rich).unwrap();
    let depths = depths();
    depths.iter().for_each(check_depth);
    let names = |f: fn(&Depth) -> &'static str| {
        let mut names: Vec<&str> = depths.iter().map(f).collect();
        names.dedup();
        names.join("; ")
    };
    for format in [Format::Tiff, Format::Png, Format::Jpeg, Format::WebP] {
        let metadata = kept(&photo.encode(format, 90).unwrap()).join(", ");
        let (read, written, pages) = match format {
            Format::Tiff => (names(|d| d.name), "as read (1 and 4 bit: 8 bit; 12 bit: 16 bit)".into(), "all"),
            Format::Png => ("1 to 16 bit".into(), "8, 16 bit".into(), "first frame"),
            Format::Jpeg => ("8 bit".to_string(), "8 bit".to_string(), "1"),
            Format::WebP => ("8 bit".into(), "8 bit".into(), "first frame"),
        };
        writeln!(table, "| {} | {read} | {written} | {metadata} | {pages} |", format.name()).unwrap();
    }
    table += "| BMP | 1 to 32 bit, RLE | not written | none | 1 |\n";
    table += "| GIF | palettes | not written | none | first frame |\n";
    table
}

#[test]
fn the_readme_says_what_formats_can() {
    let readme = std::fs::read_to_string(README).unwrap();
    let start = readme.find(BEGIN).expect("the README has a place for the table") + BEGIN.len();
    let end = readme.find(END).expect("the README has an end of the table");
    let table = table();
    if std::env::var_os("UNNOISE_WRITE_TABLE").is_some() {
        std::fs::write(README, format!("{}{table}{}", &readme[..start], &readme[end..])).unwrap();
        return;
    }
    assert_eq!(&readme[start..end], table, "the table in pkg-config/README.md is another one");
}

#[test]
fn a_stack_keeps_its_pages_its_description_and_its_pixel_size() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/field/77-imagej-z-stack.tif");
    let file = ImageFile::open(std::fs::read(path).unwrap()).unwrap();
    assert_eq!((file.pictures(), file.count().as_str()), (5, "5 pages"));
    let mut writer = TiffWriter::new();
    (0..5).for_each(|i| writer.add(&file.picture(i).unwrap()).unwrap());
    let all = writer.finish().unwrap();
    let holds = |file: &[u8], word: &str| file.windows(word.len()).any(|w| w == word.as_bytes());
    assert!(holds(&all, "ImageJ=") && holds(&all, "images=5"));
    let again = ImageFile::open(all).unwrap();
    for i in 0..5 {
        assert_eq!(again.picture(i).unwrap().samples(), file.picture(i).unwrap().samples());
    }
    // One page alone does not say that it is five.
    let one = file.picture(0).unwrap().encode(Format::Tiff, 0).unwrap();
    assert!(holds(&one, "ImageJ=") && !holds(&one, "images=5"));
}

#[test]
fn what_is_no_number_stays_so() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/field/66-float32-nan.tif");
    let photo = decode(&std::fs::read(path).unwrap()).unwrap();
    // Maps have the least float where nothing was measured.
    let map = photo.float32().iter().map(|v| if v.is_nan() { f32::MIN } else { *v }).collect();
    let map = Photo::new(photo.width(), photo.height(), photo.colors(), false, Samples::F32(map)).unwrap();
    for photo in [photo, map.stretched()] {
        let places = |photo: &Photo| -> Vec<usize> {
            let is_none = |v: f32| v.is_nan() || v == f32::MIN;
            photo.float32().iter().enumerate().filter(|(_, v)| is_none(**v)).map(|(i, _)| i).collect()
        };
        assert!(!places(&photo).is_empty());
        let seen = photo.planar();
        assert!(seen.data.iter().all(|v| (-0.5..1.5).contains(v)), "networks see numbers only");
        let mut out = photo.blank_like(1).unwrap();
        let mut block = seen;
        block.data.iter_mut().for_each(|v| *v *= 0.5);
        out.write(0, 0, &block, &photo, 1.0);
        assert_eq!(places(&out), places(&photo));
        let again = decode(&out.encode(Format::Tiff, 0).unwrap()).unwrap();
        assert_eq!(places(&again), places(&photo));
        assert!(places(&out.blend(&photo, 0.5, 0.0).unwrap()) == places(&photo));
    }
}

#[test]
fn pixels_are_not_taken_for_the_mark_of_a_camera() {
    let mut bytes = b"CR\x02\0".to_vec();
    bytes.resize(SIZE[0] * SIZE[1], 7);
    let photo = decode(&tiff(&Depth { name: "8 bit", written: "8 bit", bits: 8, format: 1, bytes })).unwrap();
    assert_eq!(decode(&photo.encode(Format::Tiff, 0).unwrap()).unwrap().samples(), photo.samples());
    let marked = [b"II*\0\x10\0\0\0CR\x02\0\0\0\0\0".as_slice(), &[0; 6]].concat();
    let refused = decode(&marked).unwrap_err().to_string();
    assert!(refused.contains("CR2"), "{refused}");
}

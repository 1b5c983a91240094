import { say } from "../dom";
import { de } from "./de";
import { en, type Strings } from "./en";
import { lookUp } from "./look-up";

/** The languages of the page, each named in itself. */
export const LANGUAGES = { en: "English", de: "Deutsch" } as const;

export type Language = keyof typeof LANGUAGES;

const ALL: Record<Language, Strings> = { en, de };
const STORED = "language";

/** The language that was chosen on an earlier visit, else the first of the browser's that there is. */
export const language: Language = [stored(), ...navigator.languages].map(known).find(Boolean) ?? "en";

/** Every word of the page, in its language. */
export const text: Strings = ALL[language];

/**
 * Puts the words into the elements that name theirs: `data-text` for what they hold, `data-label` for what they are
 * called.
 */
export function translate(root: Document, title: string): void {
  root.documentElement.lang = language;
  root.title = title;
  for (const element of root.querySelectorAll<HTMLElement>("[data-text]")) {
    say(element, lookUp(text, element.dataset.text ?? ""));
  }
  for (const element of root.querySelectorAll<HTMLElement>("[data-label]")) {
    const label = lookUp(text, element.dataset.label ?? "");
    element.ariaLabel = label;
    // An icon alone does not tell everybody what it is for.
    if (element instanceof HTMLButtonElement) element.title = label;
  }
}

/** Offers the languages; another one takes a reload, from which photo and settings come back. */
export function initLanguage(select: HTMLSelectElement): void {
  for (const [id, name] of Object.entries(LANGUAGES)) {
    const option = new Option(name, id, false, id === language);
    option.lang = id;
    select.append(option);
  }
  select.addEventListener("change", () => {
    try {
      localStorage.setItem(STORED, select.value);
      location.reload();
    } catch {
      // Storage is denied here: the page stays in the browser's language.
      select.value = language;
    }
  });
}

function known(tag: string | undefined): Language | undefined {
  const short = tag?.slice(0, 2);
  return short === "en" || short === "de" ? short : undefined;
}

function stored(): string | undefined {
  try {
    return localStorage.getItem(STORED) ?? undefined;
  } catch {
    return undefined;
  }
}

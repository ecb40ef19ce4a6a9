// From a verdict (tellmark.verdict/1) to what the page shows of it.

import { chance } from "./timeline.js";

export const VERDICTS = {
  intact: ["Intact", "✓"],
  recovered: ["Recovered", "↺"],
  watermarked: ["Watermarked", "≈"],
  altered: ["Altered", "!"],
  none: ["Nothing found", "–"],
};

const STATES = {
  Trusted: "Signed, unchanged since, and the signer is trusted here.",
  Valid: "Signed and unchanged since, but the signer is not among those trusted here.",
  Invalid: "There are credentials, but they do not hold for this file.",
  none: "No credentials in the file.",
  unreadable: "There are credentials, but they are damaged.",
};

/** An element: el("p", {class: "x"}, "text", child). Text is always text, never markup. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** The verdict in one word and a sentence. */
export function banner(verdict, explanation) {
  const [word, sign] = VERDICTS[verdict.verdict];
  const head = el("p", { class: "head" }, el("strong", {}, word));
  const what = declared(verdict);
  if (what) head.append(el("span", { class: "tag" }, what));
  return el("div", { class: "verdict" }, el("span", { class: "sign", "aria-hidden": "true" }, sign), el("div", {}, head, el("p", {}, explanation)));
}

function declared({ c2pa, watermark }) {
  const term = lastPart(c2pa.digital_source_type);
  if (watermark.kind === "synthetic" || /lgorithmic|compositeSynthetic/.test(term)) return "says: synthetic";
  return watermark.kind === "control" ? "says: control clip" : "";
}

/** The three kinds of evidence side by side. */
export function evidence({ c2pa, watermark, registry }) {
  return el(
    "div",
    { class: "evidence" },
    card("Content Credentials (C2PA)", credentials(c2pa), {
      State: c2pa.state === "none" ? "" : c2pa.state,
      Certificate: c2pa.trust,
      Signer: c2pa.signer,
      "Signed at": c2pa.signed_at && when(c2pa.signed_at),
      "Made with": c2pa.claim_generator,
      "Source type": words(lastPart(c2pa.digital_source_type)),
      Findings: c2pa.codes.join(", "),
    }),
    card("Watermark", watermark.present ? marked(watermark) : "No watermark in the picture.", {
      Payload: watermark.payload && el("code", {}, watermark.payload),
      Says: watermark.kind,
      "Chance of error": watermark.present ? chance(watermark.p_value) : "",
    }),
    card("Registry", registered(registry, watermark), {
      Manifest: { true: "signature holds", false: "cannot be confirmed" }[registry.manifest_valid],
      Certificate: registry.trust,
      Signer: registry.signer,
      Title: registry.title,
      "Made with": registry.generator,
      "Made from": registry.origin,
      Registered: registry.registered_at && when(registry.registered_at),
      Content: { true: "fits the registered clip", false: "does not fit the registered clip" }[registry.fingerprint_match],
    }),
  );
}

function credentials(c2pa) {
  if (c2pa.codes.includes("manifest.inaccessible")) return "The file names credentials on the network, which was not asked.";
  if (c2pa.trust === "expired") return "Signed, but with a certificate that has expired since.";
  if (c2pa.trust === "revoked") return "Signed with a certificate that was revoked.";
  return STATES[c2pa.state];
}

function marked(watermark) {
  return watermark.payload ? "The picture carries the watermark." : "There is a watermark, but it cannot be read.";
}

function registered(registry, watermark) {
  if (registry.found) return "The watermark leads to a registered clip.";
  return watermark.payload ? "The registry does not know this watermark." : "Nothing to look up without a watermark.";
}

function card(title, say, rows) {
  const list = el("dl");
  for (const [name, value] of Object.entries(rows)) {
    if (value) list.append(el("div", { class: "row" }, el("dt", {}, name), el("dd", {}, value)));
  }
  return el("section", {}, el("h4", {}, title), el("p", { class: "say" }, say), list);
}

function lastPart(uri) {
  return (uri ?? "").split("/").pop();
}

function words(term) {
  return term.replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);
}

function when(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

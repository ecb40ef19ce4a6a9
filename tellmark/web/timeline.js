// Where in a video the watermark is, and what the video shows there. The frames come from the visitor's own file.

const FRAMES = 6;
const FRAME_WIDTH = 240; // px
const LABEL_PX = 70; // between the middles of two times on the axis
const DECODE_S = 8; // a browser that cannot decode a format may never say so

/** {kind: "video" | "picture" | null, duration, canvases} of a local file. */
export async function look(file) {
  const picture = await frameOfPicture(file);
  if (picture) return { kind: "picture", duration: 0, canvases: [picture] };
  const url = URL.createObjectURL(file);
  const video = document.createElement("video");
  video.muted = true;
  video.preload = "auto";
  video.playsInline = true;
  try {
    video.src = url;
    await event(video, "loadeddata");
    const canvases = [];
    for (let i = 0; i < FRAMES && video.videoWidth; i++) {
      video.currentTime = (video.duration * (i + 0.5)) / FRAMES;
      await event(video, "seeked");
      canvases.push(drawn(video, video.videoWidth, video.videoHeight));
    }
    return { kind: "video", duration: video.duration, canvases };
  } catch {
    return { kind: null, duration: 0, canvases: [] };
  } finally {
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(url);
  }
}

async function frameOfPicture(file) {
  if (!file.type.startsWith("image/") || file.type === "image/gif") return null;
  try {
    const bitmap = await createImageBitmap(file);
    return drawn(bitmap, bitmap.width, bitmap.height);
  } catch {
    return null;
  }
}

function drawn(source, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.min(FRAME_WIDTH, width);
  canvas.height = Math.max(1, Math.round((canvas.width * height) / width));
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}

function event(target, name) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("too slow")), DECODE_S * 1000);
    target.addEventListener(name, () => (clearTimeout(timer), resolve()), { once: true });
    target.addEventListener("error", () => (clearTimeout(timer), reject(new Error("cannot be shown"))), { once: true });
  });
}

/** Boxes around the regions [[start_s, end_s, left, top, right, bottom], ..] on frames taken evenly from the video. */
export function outline(canvases, regions, duration) {
  canvases.forEach((canvas, i) => {
    const time = (duration * (i + 0.5)) / canvases.length;
    const context = canvas.getContext("2d");
    for (const [start, end, left, top, right, bottom] of regions) {
      if (time < start || time > end) continue;
      const box = [left * canvas.width, top * canvas.height, (right - left) * canvas.width, (bottom - top) * canvas.height];
      for (const [colour, width] of [["#fff", 5], ["#b3211b", 3]]) {
        context.strokeStyle = colour; // a white rim, to be seen on any ground
        context.lineWidth = width;
        context.strokeRect(...box);
      }
    }
  });
}

/** An SVG of the segments [[start_s, end_s, p], ..] on a track of `duration` seconds, and of gaps [[start_s, end_s, share], ..]. */
export function timeline(segments, duration, gaps = []) {
  const svg = node("svg", { class: "timeline", role: "img", "aria-label": inWords(segments, duration) });
  const draw = () => {
    const width = svg.clientWidth || 600;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} 48`);
    svg.append(node("rect", { class: "track", x: 0, y: 2, width, height: 18, rx: 4 }));
    const put = (name, start, end, said) => {
      const x = (start / duration) * width;
      const rect = node("rect", { class: name, x, y: 2, width: Math.max(2, (Math.min(end, duration) / duration) * width - x), height: 18, rx: 4 });
      const title = node("title", {});
      title.textContent = `${clock(start)} to ${clock(end)}, ${said}`;
      rect.append(title);
      svg.append(rect);
    };
    for (const [start, end, p] of segments) put("part", start, end, `chance of error ${chance(p)}`);
    for (const [start, end, share] of gaps) put("gap", start, end, `${Math.round(100 * share)} % of the mark is left`);
    for (const [time, anchor] of ticks(duration, width)) {
      const x = Math.min(width - 0.5, Math.max(0.5, (time / duration) * width));
      svg.append(node("line", { x1: x, x2: x, y1: 23, y2: 28 }));
      const label = node("text", { x, y: 42, "text-anchor": anchor });
      label.textContent = clock(time);
      svg.append(label);
    }
  };
  new ResizeObserver(draw).observe(svg);
  return svg;
}

/** What the timeline shows, for those who do not see it. */
export function inWords(segments, duration) {
  if (!segments.length) return "No part of the video carries a watermark.";
  const marked = segments.reduce((sum, [start, end]) => sum + Math.min(end, duration) - start, 0);
  const share = Math.min(100, Math.round((100 * marked) / duration));
  const parts = segments.slice(0, 8).map(([start, end]) => `${clock(start)} to ${clock(end)}`);
  const more = segments.length > 8 ? `, and ${segments.length - 8} more` : "";
  return `Watermark found in ${share} % of the video: ${parts.join(", ")}${more}.`;
}

/** What lacks the mark, where that was looked for. */
export function missingInWords(missing) {
  if (!missing) return "";
  const parts = missing.spans.map(([start, end]) => `${clock(start)} to ${clock(end)}`);
  if (missing.regions.length) parts.push("what is framed");
  if (parts.length) return `It is missing in: ${parts.join(", ")}.`;
  return missing.timed || missing.judged > 0 ? "" : "What lacks it cannot be told.";
}

export function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const whole = Math.floor(tenths / 10);
  const text = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  return tenths % 10 ? `${text}.${tenths % 10}` : text;
}

/** A p-value in words that fit a cell. */
export function chance(p) {
  if (p >= 0.001) return p.toLocaleString("en", { maximumSignificantDigits: 2 });
  const power = [...String(p > 1e-300 ? Math.round(-Math.log10(p)) : 300)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("");
  return `${p > 1e-300 ? "about" : "below"} 1 in 10${power}`;
}

function ticks(duration, width) {
  const most = Math.max(2, Math.floor(width / LABEL_PX));
  const steps = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((s) => duration / s <= most) ?? duration / most;
  const marks = [[0, "start"]];
  const last = duration * (1 - LABEL_PX / width); // beyond it a label would run into that of the end
  for (let time = step; time < last; time += step) marks.push([time, "middle"]);
  marks.push([duration, "end"]);
  return marks;
}

function node(name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

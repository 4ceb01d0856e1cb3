/** Documents of several pages, written byte by byte. */

import { strToU8, zipSync } from "fflate";

/** A paragraph's lines; each page is a list of paragraphs. */
export type Pages = readonly (readonly (readonly string[])[])[];

const escaped = (text: string) => text.replace(/[\\()]/g, "\\$&");

/** A PDF in Helvetica, which no PDF has to contain; a page is 300 × 400 points. */
export function pdfOf(pages: Pages): Uint8Array<ArrayBuffer> {
  const kids = pages.map((_, page) => `${4 + 2 * page} 0 R`).join(" ");
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ...pages.flatMap((paragraphs, page) => {
      let y = 380;
      const lines = paragraphs.flatMap((paragraph) => {
        y -= 14;
        return paragraph.map((line) => {
          y -= 14;
          return `1 0 0 1 20 ${y} Tm (${escaped(line)}) Tj`;
        });
      });
      const content = `BT /F1 11 Tf ${lines.join(" ")} ET`;
      return [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 400] /Contents ${5 + 2 * page} 0 R /Resources << /Font << /F1 3 0 R >> >> >>`,
        `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
      ];
    }),
  ];
  let file = "%PDF-1.4\n";
  const offsets = objects.map((object, i) => {
    const at = file.length;
    file += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(at).padStart(10, "0")} 00000 n \n`;
  });
  const start = file.length;
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${offsets.join("")}`;
  file += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return new Uint8Array(strToU8(file, true));
}

const inXml = (text: string) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");

/** A Word document; each page but the first begins with a page break, as Word writes it. */
export function docxOf(pages: Pages): Uint8Array<ArrayBuffer> {
  const run = (text: string) => `<w:r><w:t xml:space="preserve">${inXml(text)}</w:t></w:r>`;
  const body = pages
    .map((paragraphs, page) => {
      const breaks =
        page === 0 ? "" : '<w:p><w:r><w:br w:type="page"/></w:r></w:p><w:p><w:r><w:lastRenderedPageBreak/></w:r></w:p>';
      return breaks + paragraphs.map((lines) => `<w:p>${lines.map((line) => run(`${line} `)).join("")}</w:p>`).join("");
    })
    .join("");
  const removed = "<w:p><w:del><w:r><w:t>This was deleted.</w:t></w:r></w:del></w:p>";
  const xml = `<?xml version="1.0"?><w:document xmlns:w="urn:w"><w:body><w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr>${run("The handbook")}</w:p>${removed}${body}</w:body></w:document>`;
  return new Uint8Array(zipSync({ "word/document.xml": strToU8(xml), "[Content_Types].xml": strToU8("<Types/>") }));
}

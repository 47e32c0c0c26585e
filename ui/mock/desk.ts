/** Make-believe cases, as an officer of a province sees them. Moves are answered and forgotten. */
import type {
  CaseFile,
  CasePage,
  CaseRow,
  DeskView,
  OutsideBody,
  UnitsView,
} from "../src/api/types.ts";
import { TOPICS } from "./world.ts";

const NARRATIVE =
  "Pelapor bekerja di bagian pengepakan sejak Maret. Upah bulan September dan Oktober belum dibayar; " +
  "atasan menjanjikan pembayaran setiap Jumat. Sekitar dua puluh rekan mengalami hal yang sama.\n\n" +
  "Pelapor meminta upahnya dibayar dan takut dikeluarkan bila perusahaan tahu ia melapor.";

function rows(): CaseRow[] {
  const statuses = ["new", "new", "answered", "draft", "closed", "abandoned"];
  return Array.from({ length: 57 }, (_, i) => ({
    number: `26${String(48151621 + i * 734_117).slice(0, 8)}`,
    topic: TOPICS[i % TOPICS.length]?.code ?? "upah",
    status: statuses[i % statuses.length] ?? "new",
    opened_at: Date.now() - i * 5_400_000 - 3_600_000,
    updated_at: Date.now() - i * 5_000_000,
    custodian: i % 3 === 2 ? null : "Sari Wulandari",
    calls: 1 + (i % 3),
    wait: null,
    unit: "P32",
    officer: i % 3 === 0 ? "Rina Hapsari" : null,
    priority: "P2",
    due_at: Date.now() + (i - 3) * 90_000_000,
    late_days: Math.max(0, 3 - i),
    accepted: i % 3 === 0,
    compartment: "normal",
  }));
}

export function casePage(query: URLSearchParams): CasePage {
  const text = (query.get("query") ?? "").replaceAll(" ", "");
  const page = Number(query.get("page") ?? "1");
  const found = rows().filter(
    (row) =>
      row.number.includes(text) &&
      ["", null, row.status].includes(query.get("status")) &&
      ["", null, row.topic].includes(query.get("topic")),
  );
  return { cases: found.slice((page - 1) * 50, page * 50), total: found.length, more: false, page };
}

export function oneCase(number: string): CaseFile | null {
  const row = rows().find((each) => each.number === number);
  if (!row) return null;
  const at = row.opened_at;
  return {
    ...row,
    number,
    may: { public: "change", narrative: "see", name: "see", employer: "change", notes: "change" },
    can: [
      { event: "accept", needs: [], optional: [], reasons: null },
      { event: "decline", needs: ["reason", "unit"], optional: [], reasons: null },
    ],
    narrative: NARRATIVE,
    name: "",
    anonymous: false,
    secret: true,
    employer: "CV Sumber Rejeki",
    version: 4,
    calls: [
      { id: "c1", role: "opened", at, line: "asterisk", lasted_s: 422, agent: "Sari Wulandari" },
      {
        id: "c2",
        role: "status_query",
        at: at + 900_000,
        line: "asterisk",
        lasted_s: 61,
        agent: null,
      },
    ],
    recordings: [{ name: "rec-1", seconds: 43, at: at + 960_000 }],
    timeline: [
      { at, kind: "case_opened", by: null, data: { topic: row.topic } },
      { at: at + 1000, kind: "call_linked", by: null, data: { role: "opened" } },
      {
        at: at + 300_000,
        kind: "case_saved",
        by: "Sari Wulandari",
        data: { fields: "narrative", version: 2 },
      },
      {
        at: at + 380_000,
        kind: "case_saved",
        by: "Sari Wulandari",
        data: { fields: "employer", version: 3 },
      },
      { at: at + 900_000, kind: "status_read", by: null, data: {} },
      { at: at + 960_000, kind: "message_left", by: null, data: { seconds: 43 } },
      { at: at + 2_000_000, kind: "case_read", by: "Rina Hapsari", data: {} },
    ],
  };
}

export const desk = (): DeskView => ({
  unit: "P32",
  unit_name: "Disnaker Provinsi Jawa Barat",
  head: false,
  lists: [
    { list: "mine", count: 19, late: 1 },
    { list: "unit", count: 57, late: 3 },
    { list: "all", count: 57, late: 3 },
  ],
  officers: [{ id: "o1", name: "Rina Hapsari" }],
});

export const UNITS: UnitsView = {
  units: [
    {
      code: "P32",
      name: "Disnaker Provinsi Jawa Barat",
      level: "provinsi",
      phone: null,
      external: false,
    },
    {
      code: "P33",
      name: "Disnaker Provinsi Jawa Tengah",
      level: "provinsi",
      phone: null,
      external: false,
    },
    {
      code: "PTSA",
      name: "Pelayanan Terpadu Satu Atap",
      level: "pusat",
      phone: null,
      external: false,
    },
  ],
  provinces: { "32": "Jawa Barat", "33": "Jawa Tengah" },
  triage: "PTSA",
};

export const BODIES: OutsideBody[] = [
  {
    code: "BPJSTK",
    label: { id: "BPJS Ketenagakerjaan", en: "Social security" },
    numbers: [{ dial: "175", show: "175", reach: "indonesia", verified: true }],
    topics: ["upah"],
    hours: "06:00-22:00",
    emergency: false,
    unit: "BPJSTK",
  },
];

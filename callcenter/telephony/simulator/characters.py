"""Who calls in a simulated day, and why. Names, employers and stories are invented."""

from __future__ import annotations

import random
from typing import Final

NAMES: Final = (
    "Siti Rahmawati",
    "Agus Setiawan",
    "Dewi Lestari",
    "Bambang Hartono",
    "Rina Marlina",
    "Joko Susilo",
    "Yuni Astuti",
    "Andi Pratama",
    "Ratna Sari",
    "Hendra Gunawan",
)
EMPLOYERS: Final = (
    "PT Maju Bersama",
    "CV Sumber Rejeki",
    "PT Garmen Nusantara",
    "Toko Berkah",
    "PT Logistik Cepat",
    "PT Pangan Lestari",
    "PT Bangun Persada",
)
MESSAGES: Final = (
    "Saya ingin menanyakan upah saya yang belum dibayar. Mohon hubungi saya kembali.",
    "THR kami tahun ini hanya dibayar setengah. Kami bekerja di pabrik garmen.",
    "Saya diberhentikan lewat pesan singkat tanpa surat apa pun.",
    "Perusahaan belum mendaftarkan saya ke BPJS Ketenagakerjaan.",
)
_STORIES: Final = {
    "upah": (
        "Upah bulan lalu belum dibayar. Sudah ditanyakan ke bagian personalia dua kali.",
        "THR dibayar separuh dan tanpa penjelasan. Ada dua belas pekerja yang mengalami hal sama.",
        "Upah di bawah upah minimum kota sejak awal tahun.",
    ),
    "phk": (
        "Diberhentikan secara lisan, tanpa surat. Pesangon belum dibicarakan.",
        "Kontrak diperpanjang terus selama enam tahun, lalu tidak diperpanjang tanpa kompensasi.",
    ),
    "jamsos": (
        "Iuran dipotong dari upah, tetapi kepesertaan tidak aktif sejak Januari.",
        "Belum didaftarkan setelah setahun bekerja.",
    ),
    "k3": (
        "Mesin potong tidak memakai pelindung. Minggu lalu seorang pekerja terluka.",
        "Alat pelindung diri harus dibeli sendiri oleh pekerja.",
    ),
    "pmi": ("Paspor ditahan agen. Keberangkatan sudah tertunda tiga bulan.",),
}
_OTHER: Final = (
    "Menanyakan cara menghitung uang lembur pada hari libur.",
    "Menanyakan hak cuti melahirkan dan syaratnya.",
)

#: Keys of the shipped flow's topic menu, and how often each is meant.
_TOPICS: Final = {"1": 34, "2": 22, "3": 14, "4": 8, "5": 6, "6": 8, "7": 8}
_OUTCOMES: Final = {
    "complaint": 66,
    "information": 24,
    "dropped": 5,
    "wrong_number": 3,
    "abusive": 2,
}


def number(chance: random.Random) -> str | None:
    """A caller's number; None for one in seven, who withholds it."""
    return None if chance.random() < 0.14 else f"+62812{chance.randrange(10_000_000, 99_999_999)}"


def intention(chance: random.Random, cases: list[tuple[str, str]]) -> list[str]:
    """The keys that a caller means to press, question by question, in the shipped flow."""
    language = ["9"] if chance.random() < 0.06 else []
    if cases and chance.random() < 0.2:
        case, pin = chance.choice(cases)
        return [*language, "2", case, pin if chance.random() < 0.85 else "000000"]
    slips = ["8"] if chance.random() < 0.05 else []  # a wrong key first
    topic = chance.choices(list(_TOPICS), list(_TOPICS.values()))[0]
    now = ["2"] if topic == "4" else []  # nobody is in danger at this moment
    return [*language, *slips, "1", topic, *now]


def narrative(topic: str, chance: random.Random) -> str:
    """What an agent writes down about a call on ``topic``."""
    return chance.choice(_STORIES.get(topic, _OTHER))


def outcome(chance: random.Random) -> str:
    """What a call came to."""
    return chance.choices(list(_OUTCOMES), list(_OUTCOMES.values()))[0]

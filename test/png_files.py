"""PNG files of any form, written without a decoder's or encoder's help."""

import struct
import zlib

import numpy as np

ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
"""Offset and step, x and y, of the passes of an interlaced picture; the last one has every pixel
of every other row."""

COLOURS = bytes(np.random.default_rng(0).integers(0, 255, 3 * 256, np.uint8))


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png_file(
    values: np.ndarray, bits: int, palette: bool = False, interlaced: bool = False, extra=b""
) -> bytes:
    """A grey or palette png of `bits` that stores `values`; `extra` chunks before the pixels."""
    height, width = values.shape
    header = struct.pack(">IIBBBBB", width, height, bits, 3 * palette, 0, 0, interlaced)
    parts = [values]
    if interlaced:
        passes = (*ADAM7, (0, 1, 1, 2))
        parts = [values[y::down, x::right] for x, y, right, down in passes]
    rows = b"".join(b"\0" + packed(row, bits) for p in parts if p.size for row in p)
    colours = chunk(b"PLTE", COLOURS[: 3 << bits]) if palette else b""
    body = chunk(b"IHDR", header) + colours + extra + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def packed(row: np.ndarray, bits: int) -> bytes:
    """The values of a row one after another, the most significant bit first."""
    if bits >= 8:
        return row.astype(f">u{bits // 8}").tobytes()
    return np.packbits((row[:, None] >> np.arange(bits)[::-1]) & 1).tobytes()


def label_files() -> list:
    """``(content, values)`` of label images in every form that png has for one number a pixel."""
    files = []
    for bits, palette in [(b, p) for b in (1, 2, 4, 8, 16) for p in (False, True)]:
        if palette and bits == 16:
            continue
        for interlaced in (False, True):
            values = np.random.default_rng(bits).integers(0, 2**bits, (13, 21))
            clear = bytes(1 << bits) if palette else struct.pack(">H", 1)
            for extra in (b"", chunk(b"tRNS", clear), chunk(b"gAMA", struct.pack(">I", 9))):
                files.append((png_file(values, bits, palette, interlaced, extra), values))
    return files

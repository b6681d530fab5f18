//! CRC-32C (RFC 3720, appendix B.4): the checksum that a header of version 2 may carry.

/// The reflected polynomial of Castagnoli.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The checksum of pieces in a row. Bit by bit: a header is short, and few carry one.
pub(super) fn crc32c<const N: usize>(pieces: [&[u8]; N]) -> u32 {
    let byte = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 })
    };
    !pieces.into_iter().flatten().fold(u32::MAX, byte)
}

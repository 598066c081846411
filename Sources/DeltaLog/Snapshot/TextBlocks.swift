import Parquet

/// Texts that are seldom read, many to a block, each full block compressed.
///
/// **Invariants:** a place, once given, stays good; no text spans two blocks. Cost of a look-up:
/// the decompression of one block of 64 KiB, about 50 µs, unless it is the one before.
struct TextBlocks: Sendable {
  /// Where a text lies.
  struct Place: Sendable, Equatable {
    let block: UInt32
    let start: UInt32
    let byteCount: UInt32

    /// Of no text.
    static let none = Place(block: 0, start: 0, byteCount: 0)
  }

  private struct Block: Sendable {
    let bytes: [UInt8]
    let byteCount: Int
  }

  private static let blockByteCount = 1 << 16

  private var full: [Block] = []
  /// The last block, not compressed yet.
  private var open: [UInt8] = []

  /// Bytes that the texts take.
  private(set) var storedByteCount = 0

  mutating func append(_ text: [UInt8]) -> Place {
    let place = Place(
      block: UInt32(full.count), start: UInt32(open.count), byteCount: UInt32(text.count))
    open.append(contentsOf: text)
    if open.count >= Self.blockByteCount {
      let bytes = TextCompression.compress(open)
      full.append(Block(bytes: bytes, byteCount: open.count))
      storedByteCount += bytes.count
      open.removeAll(keepingCapacity: true)
    }
    return place
  }

  fileprivate func bytes(ofBlock block: UInt32) -> [UInt8] {
    guard Int(block) < full.count else { return open }
    let block = full[Int(block)]
    return TextCompression.decompress(block.bytes, byteCount: block.byteCount)
  }
}

/// Reads texts one after the other, each block once while they come in the order they were put.
struct TextBlockReader {
  private let texts: TextBlocks
  private var block: UInt32?
  private var bytes: [UInt8] = []

  init(_ texts: TextBlocks) { self.texts = texts }

  mutating func text(_ place: TextBlocks.Place) -> ArraySlice<UInt8> {
    if place.byteCount == 0 { return [] }
    if block != place.block {
      bytes = texts.bytes(ofBlock: place.block)
      block = place.block
    }
    return bytes[Int(place.start)..<Int(place.start) + Int(place.byteCount)]
  }
}

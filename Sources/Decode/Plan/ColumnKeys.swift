import Base

/// Which slot the value of a map's key goes to: a table of the keys that the mapping names, so that
/// an entry costs the same however many columns there are.
///
/// Open addressing, at most a quarter full, seeded: nobody can send keys that are all searched for
/// at length. Cost: a hash of the key.
struct ColumnKeys: Sendable {
  private let columns: [(key: MapKey, slot: Int)]
  /// Index of a column + 1, or 0 where free.
  private var places: [Int32]

  /// `columns` have different keys, all of one kind.
  init(_ columns: [(key: MapKey, slot: Int)]) {
    self.columns = columns
    var size = 8
    while size < columns.count * 4 { size *= 2 }
    places = Array(repeating: 0, count: size)
    for (index, column) in columns.enumerated() {
      var place = hash(of: column.key)
      while places[place] != 0 { place = (place + 1) & (size - 1) }
      places[place] = Int32(index + 1)
    }
  }

  /// The slot of a key, as the entry's slot has it; nil if no column is for it. `texts` are the
  /// bytes that words of texts count in.
  func slot(of word: UInt64, in texts: RawSpan) -> Int? {
    guard case .text? = columns.first?.key else {
      return slot(from: hash(of: word)) { $0 == .word(word) }
    }
    let text = texts.extracting(PlanTree.range(of: word))
    return slot(from: hash(of: text)) { Self.isSame($0, text) }
  }

  private func slot(from first: Int, where isSame: (MapKey) -> Bool) -> Int? {
    var place = first
    while places[place] != 0 {
      let column = columns[Int(places[place]) - 1]
      if isSame(column.key) { return column.slot }
      place = (place + 1) & (places.count - 1)
    }
    return nil
  }

  private static func isSame(_ key: MapKey, _ text: RawSpan) -> Bool {
    guard case .text(let bytes) = key, bytes.count == text.byteCount else { return false }
    for (position, byte) in bytes.enumerated()
    where unsafe text.unsafeLoad(fromByteOffset: position, as: UInt8.self) != byte {
      return false
    }
    return true
  }

  private func hash(of key: MapKey) -> Int {
    switch key {
    case .word(let word): return hash(of: word)
    case .text(let bytes): return unsafe hash(of: bytes.span.bytes)
    }
  }

  private func hash(of word: UInt64) -> Int {
    Int(truncatingIfNeeded: XXHash64.hash(word, seed: HashSeed.word)) & (places.count - 1)
  }

  private func hash(of text: RawSpan) -> Int {
    Int(truncatingIfNeeded: XXHash64.hash(text, seed: HashSeed.word)) & (places.count - 1)
  }
}

import Base

/// Finds rows of one map that have the same key, of which the last counts.
///
/// An open-addressing table of row numbers, at most half full, used again for every record.
/// Seeded, because keys come from outside (`HashSeed`). Cost: one hash a row.
struct RowKeyTable {
  /// Most places that are kept for the next record: 4 MB.
  private static let keptCountMax = 1 << 20

  /// Row number + 1, or 0 where free.
  private var places: [Int32] = []
  private let seed: UInt64
  /// Places that were looked at for the record at hand.
  private(set) var probeCount = 0

  init(seed: UInt64 = HashSeed.word) { self.seed = seed }

  /// Empties the table for `count` rows.
  mutating func begin(count: Int) {
    var size = 16
    while size < count * 2 { size *= 2 }
    probeCount = 0
    if places.count < size || places.count > max(size, Self.keptCountMax) {
      places = Array(repeating: 0, count: size)
    } else {
      for index in 0..<size { places[index] = 0 }
    }
    mask = size - 1
  }

  private var mask = 0

  /// The place where to look first for a key that is a word.
  func place(ofWord word: UInt64) -> Int {
    Int(truncatingIfNeeded: XXHash64.hash(word, seed: seed)) & mask
  }

  /// The same for one that is a text.
  func place(ofText text: RawSpan) -> Int {
    Int(truncatingIfNeeded: XXHash64.hash(text, seed: seed)) & mask
  }

  func next(_ place: Int) -> Int { (place + 1) & mask }

  /// The row at a place; nil if it is free.
  mutating func row(at place: Int) -> Int? {
    probeCount += 1
    return places[place] == 0 ? nil : Int(places[place]) - 1
  }

  mutating func put(_ row: Int, at place: Int) {
    places[place] = Int32(truncatingIfNeeded: row + 1)
  }
}

extension RecordDecoder {
  /// Marks the rows of a map whose key a later one has.
  mutating func findSuperseded(_ texts: RawSpan, _ key: SlotReader) {
    supersededRows.removeAll(
      keepingCapacity: supersededRows.capacity <= SlotMemory.keptByteCountMax)
    let count = slots.rowCount
    if count < 2 { return }
    rowKeys.begin(count: count)
    for row in 0..<count {
      let word = rowWord(key, row)
      var place =
        key.kind == .text
        ? rowKeys.place(ofText: texts.extracting(PlanTree.range(of: word)))
        : rowKeys.place(ofWord: word)
      while let other = rowKeys.row(at: place) {
        if isSame(key, texts, other, word) {
          if supersededRows.isEmpty { supersededRows = Array(repeating: false, count: count) }
          supersededRows[other] = true
          break
        }
        place = rowKeys.next(place)
      }
      rowKeys.put(row, at: place)
    }
  }

  private func isSame(_ key: SlotReader, _ texts: RawSpan, _ row: Int, _ word: UInt64) -> Bool {
    let other = rowWord(key, row)
    guard key.kind == .text, other != word else { return other == word }
    let (left, right) = (PlanTree.range(of: other), PlanTree.range(of: word))
    guard left.count == right.count else { return false }
    return zip(left, right).allSatisfy {
      unsafe texts.unsafeLoad(fromByteOffset: $0, as: UInt8.self)
        == texts.unsafeLoad(fromByteOffset: $1, as: UInt8.self)
    }
  }

  private func rowWord(_ reader: SlotReader, _ row: Int) -> UInt64 {
    unsafe slots.rowLayout.word(reader.slot, in: slots.rows + row * slots.rowStride)
  }
}

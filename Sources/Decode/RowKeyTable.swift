import Base

/// Finds rows of one map that have the same key, of which the last counts.
///
/// An open-addressing table of row numbers, at most half full, used again for every record.
/// Cost: one hash a row.
struct RowKeyTable {
  /// Row number + 1, or 0 where free.
  private var places: [Int32] = []

  /// Empties the table for `count` rows.
  mutating func begin(count: Int) {
    var size = 16
    while size < count * 2 { size *= 2 }
    if places.count < size {
      places = Array(repeating: 0, count: size)
    } else {
      for index in 0..<size { places[index] = 0 }
    }
    mask = size - 1
  }

  private var mask = 0

  /// The place where `hash` begins to look.
  func place(of hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & mask }

  func next(_ place: Int) -> Int { (place + 1) & mask }

  /// The row at a place; nil if it is free.
  func row(at place: Int) -> Int? { places[place] == 0 ? nil : Int(places[place]) - 1 }

  mutating func put(_ row: Int, at place: Int) {
    places[place] = Int32(truncatingIfNeeded: row + 1)
  }
}

extension RecordDecoder {
  /// Marks the rows of a map whose key a later one has.
  mutating func findSuperseded(_ texts: RawSpan, _ key: SlotReader) {
    supersededRows.removeAll(keepingCapacity: true)
    let count = slots.rowCount
    if count < 2 { return }
    rowKeys.begin(count: count)
    for row in 0..<count {
      let word = rowWord(key, row)
      let hash =
        key.kind == .text
        ? XXHash64.hash(texts.extracting(PlanTree.range(of: word))) : word &* 0x9E37_79B9_7F4A_7C15
      var place = rowKeys.place(of: hash ^ hash >> 32)
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

/// Some slots of one scope, as bits that lie as its presence bits do: what is done to all of them
/// takes a step for 64.
struct SlotSet: Sendable {
  /// The slots of one presence word.
  struct Word: Sendable {
    /// Index among the scope's presence words.
    var index: Int
    var bits: UInt64
  }

  private(set) var words: [Word] = []

  init(_ slots: [Int]) {
    for slot in slots.sorted() {
      let bit: UInt64 = 1 << UInt64(slot & 63)
      if words.last?.index == slot >> 6 {
        words[words.count - 1].bits |= bit
      } else {
        words.append(Word(index: slot >> 6, bits: bit))
      }
    }
  }

  var isEmpty: Bool { words.isEmpty }
}

/// Which slots of a record and of its rows a field with a wrong wire type was for: a bit a slot.
///
/// Bits of the row at hand lie apart until another row is at hand, because a oneof may take them
/// back.
///
/// **Invariants:** `row` has bits only while `rowAtHand` is a row; `rows` ascends, and each has
/// `row.count` words of `rowBits`. Cost: a step for 64 slots, whatever was noted before.
struct SlotFaults {
  /// By presence word.
  private(set) var record: [UInt64]
  private(set) var isInRecord = false
  /// Whether anything was noted since all was removed.
  private(set) var isAny = false
  private var row: [UInt64]
  private var rowAtHand = -1
  /// Rows with such slots, but for the one at hand.
  private(set) var rows: [Int] = []
  private(set) var rowBits: [UInt64] = []

  init(recordWordCount: Int, rowWordCount: Int) {
    record = Array(repeating: 0, count: recordWordCount)
    row = Array(repeating: 0, count: rowWordCount)
  }

  /// Most bytes that one faulty row takes.
  static func byteCount(ofRowWords count: Int) -> Int { (count + 1) * 8 }

  mutating func noteInRecord(_ slots: SlotSet) {
    isInRecord = true
    isAny = true
    for word in slots.words { record[word.index] |= word.bits }
  }

  mutating func note(_ slots: SlotSet, inRow index: Int) {
    if rowAtHand != index { settle() }
    rowAtHand = index
    isAny = true
    for word in slots.words { row[word.index] |= word.bits }
  }

  mutating func clearInRecord(_ slots: SlotSet) {
    if isInRecord { for word in slots.words { record[word.index] &= ~word.bits } }
  }

  mutating func clear(_ slots: SlotSet, inRow index: Int) {
    if rowAtHand == index { for word in slots.words { row[word.index] &= ~word.bits } }
  }

  /// Whether a slot of the record was noted, which is then forgotten.
  mutating func takeFromRecord(_ slot: Int) -> Bool {
    isInRecord && Self.take(slot, from: &record)
  }

  /// The same of a slot of the row at hand.
  mutating func take(_ slot: Int, fromRow index: Int) -> Bool {
    rowAtHand == index && Self.take(slot, from: &row)
  }

  private static func take(_ slot: Int, from words: inout [UInt64]) -> Bool {
    let bit: UInt64 = 1 << UInt64(slot & 63)
    defer { words[slot >> 6] &= ~bit }
    return words[slot >> 6] & bit != 0
  }

  /// No row is at hand any more.
  @inline(never)
  mutating func settle() {
    if rowAtHand < 0 { return }
    if row.contains(where: { $0 != 0 }) {
      rows.append(rowAtHand)
      rowBits.append(contentsOf: row)
    }
    forgetRow()
  }

  /// Forgets what was noted of the row at hand.
  mutating func clearRow(_ index: Int) { if rowAtHand == index { forgetRow() } }

  private mutating func forgetRow() {
    if rowAtHand < 0 { return }
    for word in row.indices { row[word] = 0 }
    rowAtHand = -1
  }

  mutating func removeRows(keptByteCountMax: Int) {
    forgetRow()
    if rows.isEmpty { return }
    let isSmall = (rows.capacity + rowBits.capacity) * 8 <= keptByteCountMax
    rows.removeAll(keepingCapacity: isSmall)
    rowBits.removeAll(keepingCapacity: isSmall)
  }

  mutating func removeAll(keptByteCountMax: Int) {
    removeRows(keptByteCountMax: keptByteCountMax)
    isAny = false
    if !isInRecord { return }
    for word in record.indices { record[word] = 0 }
    isInRecord = false
  }

  /// Slots of a faulty row: `index` counts among `rows`.
  func words(at index: Int) -> ArraySlice<UInt64> {
    rowBits[index * row.count..<(index + 1) * row.count]
  }
}

/// The slots that bits by presence word stand for, ascending.
struct SlotsOfBits: Sequence, IteratorProtocol {
  private let words: ArraySlice<UInt64>
  private var index: Int
  private var rest: UInt64 = 0

  init(_ words: ArraySlice<UInt64>) {
    self.words = words
    index = words.startIndex - 1
  }

  mutating func next() -> Int? {
    while rest == 0 {
      index += 1
      if index >= words.endIndex { return nil }
      rest = words[index]
    }
    let bit = rest.trailingZeroBitCount
    rest &= rest &- 1
    return (index - words.startIndex) << 6 + bit
  }
}

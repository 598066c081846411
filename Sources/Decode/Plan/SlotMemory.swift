/// Where both decoders put what they read of one record: words and presence bits of its slots.
///
///     record  [presence …][word of slot 0][word of slot 1] …            `RecordLayout.wordCount`
///     rows    the same for the row's slots, one stretch behind the other, `rowCount` of them
///
/// Words of a text are `start << 32 | count` into the bytes that `RecordDecoder` names beside it.
///
/// **Invariants:** an absent slot's word may be anything: whoever reads looks at presence first.
/// Cost: nothing is allocated once the largest record has been seen.
@safe
struct SlotMemory: ~Copyable {
  /// How a scope's words are laid out.
  struct Layout: Sendable {
    let slotCount: Int
    let presenceCount: Int

    init(slotCount: Int) {
      self.slotCount = slotCount
      presenceCount = (slotCount + 63) / 64
    }

    var wordCount: Int { presenceCount + slotCount }
  }

  /// A slot of a row that a field with a wrong wire type was for.
  struct RowFault {
    /// Index among the record's rows.
    var row: Int
    var slot: Int
  }

  let recordLayout: Layout
  let rowLayout: Layout
  let record: UnsafeMutablePointer<UInt64>
  private(set) var rows: UnsafeMutablePointer<UInt64>
  private(set) var rowCount = 0
  private var rowCapacity: Int
  private let rowCapacityMax: Int
  /// Slots of the record that a field with a wrong wire type was for, each once.
  private(set) var recordFaults: [Int] = []
  /// By row.
  private(set) var rowFaults: [RowFault] = []
  /// The first field with a wrong wire type where the rows should be.
  private(set) var wrongRows: WireFault?
  /// Why the walk stopped, where it did so far from the loop.
  var fault: WireFault?
  /// What the records have that the schema does not; whoever decodes says whether it counts.
  var drift = DriftTally()

  /// - Parameter byteCountMax: of the rows of one record.
  init(record: Layout, row: Layout, byteCountMax: Int) {
    recordLayout = record
    rowLayout = row
    // A scope without slots has one word, so that every pointer leads somewhere.
    unsafe self.record = .allocate(capacity: max(1, record.wordCount))
    unsafe self.record.initialize(repeating: 0, count: max(1, record.wordCount))
    rowStride = max(1, row.wordCount)
    rowCapacityMax = byteCountMax / (max(1, row.wordCount) * 8)
    rowCapacity = min(16, rowCapacityMax)
    let wordCount = max(1, rowCapacity * max(1, row.wordCount))
    unsafe rows = .allocate(capacity: wordCount)
    unsafe rows.initialize(repeating: 0, count: wordCount)
  }

  deinit {
    unsafe record.deallocate()
    unsafe rows.deallocate()
  }

  /// Words from one row to the next.
  let rowStride: Int

  /// Forgets the record before.
  mutating func begin() {
    for word in 0..<recordLayout.presenceCount { unsafe record[word] = 0 }
    removeRows()
    fault = nil
    if !recordFaults.isEmpty { recordFaults.removeAll(keepingCapacity: true) }
  }

  /// The words of the next row, all slots absent; nil if there may be no more.
  @unsafe @inline(__always)
  mutating func addRow() -> UnsafeMutablePointer<UInt64>? {
    if rowCount == rowCapacity, !grow() { return nil }
    let row = unsafe rows + rowCount &* rowStride
    rowCount &+= 1
    unsafe row[0] = 0
    if rowLayout.presenceCount > 1 { unsafe clearPresence(row) }
    return unsafe row
  }

  @unsafe @inline(never)
  private func clearPresence(_ row: UnsafeMutablePointer<UInt64>) {
    for word in 0..<rowLayout.presenceCount { unsafe row[word] = 0 }
  }

  /// Drops all rows, and what was wrong with them.
  mutating func removeRows() {
    wrongRows = nil
    rowCount = 0
    if !rowFaults.isEmpty { rowFaults.removeAll(keepingCapacity: true) }
  }

  /// Notes a wrong wire type for a slot of the row at hand, or of the record.
  mutating func noteFault(slot: Int, isInRow: Bool) {
    clearFault(slot: slot, isInRow: isInRow)
    if isInRow {
      rowFaults.append(RowFault(row: rowCount - 1, slot: slot))
    } else {
      recordFaults.append(slot)
    }
  }

  /// A slot that a oneof drops is as if it had never been.
  mutating func clearFault(slot: Int, isInRow: Bool) {
    if !isInRow {
      if !recordFaults.isEmpty { recordFaults.removeAll { $0 == slot } }
      return
    }
    var index = rowFaults.count
    while index > 0, rowFaults[index - 1].row == rowCount - 1 {
      index -= 1
      if rowFaults[index].slot == slot { rowFaults.remove(at: index) }
    }
  }

  /// Whether a slot was noted, which is then forgotten.
  mutating func takeFault(slot: Int, isInRow: Bool) -> Bool {
    let count = recordFaults.count + rowFaults.count
    if count == 0 { return false }
    clearFault(slot: slot, isInRow: isInRow)
    return recordFaults.count + rowFaults.count != count
  }

  /// Notes that the rows are unreadable.
  mutating func noteWrongRows(_ fault: WireFault) {
    if wrongRows == nil { wrongRows = fault }
  }

  @inline(never)
  private mutating func grow() -> Bool {
    let capacity = min(max(16, rowCapacity * 2), rowCapacityMax)
    guard capacity > rowCapacity else { return false }
    let words = capacity * rowStride
    let larger = UnsafeMutablePointer<UInt64>.allocate(capacity: words)
    let used = rowCount * rowStride
    unsafe larger.initialize(from: rows, count: used)
    unsafe (larger + used).initialize(repeating: 0, count: words - used)
    unsafe rows.deallocate()
    unsafe rows = larger
    rowCapacity = capacity
    return true
  }
}

extension SlotMemory.Layout {
  /// Whether a slot is present in a scope's words.
  @unsafe @inline(__always)
  func isPresent(_ slot: Int, in words: UnsafePointer<UInt64>) -> Bool {
    (unsafe words[slot >> 6] >> UInt64(slot & 63)) & 1 != 0
  }

  /// The word of a slot.
  @unsafe @inline(__always)
  func word(_ slot: Int, in words: UnsafePointer<UInt64>) -> UInt64 {
    unsafe words[presenceCount &+ slot]
  }

  @unsafe @inline(__always)
  func set(_ slot: Int, _ word: UInt64, in words: UnsafeMutablePointer<UInt64>) {
    unsafe words[presenceCount &+ slot] = word
    unsafe words[slot >> 6] |= 1 << UInt64(slot & 63)
  }

  /// Present with 0, unless it is present already.
  @unsafe
  func zero(_ slot: Int, in words: UnsafeMutablePointer<UInt64>) {
    if unsafe !isPresent(slot, in: words) { unsafe set(slot, 0, in: words) }
  }

  @unsafe
  func clear(_ slot: Int, in words: UnsafeMutablePointer<UInt64>) {
    unsafe words[presenceCount &+ slot] = 0
    unsafe words[slot >> 6] &= ~(1 << UInt64(slot & 63))
  }
}

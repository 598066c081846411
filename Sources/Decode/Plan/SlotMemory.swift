import Glibc

/// Where both decoders put what they read of one record: words and presence bits of its slots.
///
///     record  [presence …][word of slot 0][word of slot 1] …            `RecordLayout.wordCount`
///     rows    the same for the row's slots, one stretch behind the other, `rowCount` of them
///
/// Words of a text are `start << 32 | count` into the bytes that `RecordDecoder` names beside it.
///
/// Both decoders also count their steps here, where the work that a byte makes is not bounded by
/// itself: a record may take so many for its size and for the memory of its rows, and no more.
///
/// **Invariants:** an absent slot's word may be anything: whoever reads looks at presence first.
/// Cost: nothing is allocated in a steady stream of records whose rows take less than
/// `keptByteCountMax`; what a larger one took beyond that goes back to the system.
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

  /// What is kept from one record to the next, for rows and for what is wrong with them each.
  static let keptByteCountMax = 4 << 20
  /// Steps for each byte of a record: sixteen times what a mapping of a thousand slots takes.
  private static let stepsPerByte = 64

  let recordLayout: Layout
  let rowLayout: Layout
  let record: UnsafeMutablePointer<UInt64>
  private(set) var rows: UnsafeMutablePointer<UInt64>
  private(set) var rowCount = 0
  private var rowCapacity: Int
  private let rowCapacityMax: Int
  private let rowCountMax: Int
  /// Rows whose memory is kept from one record to the next.
  private let keptRowCount: Int
  /// Slots that a field with a wrong wire type was for.
  private(set) var faults: SlotFaults
  /// The first field with a wrong wire type where the rows should be.
  private(set) var wrongRows: WireFault?
  /// Why the walk stopped, where it did so far from the loop.
  var fault: WireFault?
  /// Whether the entry at hand is an unknown field: its value is a number that its closed enum
  /// does not have.
  var isUnknownEntry = false
  /// Steps that a record may take whatever its size is.
  private let freeStepCount: Int
  private var stepCountMax = 0
  /// Steps that the record at hand has taken.
  private(set) var stepCount = 0
  /// What the records have that the schema does not; whoever decodes says whether it counts.
  var drift = DriftTally()

  /// - Parameters:
  ///   - byteCountMax: of the rows of one record, with what is wrong with them.
  ///   - rowCountMax: rows of one record.
  init(record: Layout, row: Layout, byteCountMax: Int, rowCountMax: Int) {
    recordLayout = record
    rowLayout = row
    faults = SlotFaults(recordWordCount: record.presenceCount, rowWordCount: row.presenceCount)
    // A scope without slots has one word, so that every pointer leads somewhere.
    unsafe self.record = .allocate(capacity: max(1, record.wordCount))
    unsafe self.record.initialize(repeating: 0, count: max(1, record.wordCount))
    rowStride = max(1, row.wordCount)
    keptRowCount = max(16, Self.keptByteCountMax / (max(1, row.wordCount) * 8))
    self.rowCountMax = rowCountMax
    let rowByteCount =
      max(1, row.wordCount) * 8 + SlotFaults.byteCount(ofRowWords: row.presenceCount)
    rowCapacityMax = min(rowCountMax, byteCountMax / rowByteCount)
    rowCapacity = min(16, rowCapacityMax)
    freeStepCount = byteCountMax / 8 + 1_000_000
    unsafe rows = Self.reallocate(nil, wordCount: rowCapacity * max(1, row.wordCount))
  }

  deinit {
    unsafe record.deallocate()
    unsafe free(rows)
  }

  /// Words from one row to the next.
  let rowStride: Int

  /// Memory that is held, in bytes.
  var byteCount: Int {
    (recordLayout.wordCount + rowCapacity * rowStride) * 8
      + (faults.rows.capacity + faults.rowBits.capacity) * 8
  }

  /// Forgets the record before; the next one has so many bytes.
  @inline(__always)
  mutating func begin(payloadByteCount: Int) {
    unsafe record[0] = 0
    if recordLayout.presenceCount > 1 { unsafe recordLayout.clearAll(record) }
    rowCount = 0
    fault = nil
    stepCount = 0
    stepCountMax = freeStepCount &+ payloadByteCount &* Self.stepsPerByte
    if faults.isAny || wrongRows != nil || rowCapacity > keptRowCount { cleanUp() }
  }

  /// After a record that was large, or had wrong wire types.
  @inline(never)
  private mutating func cleanUp() {
    wrongRows = nil
    faults.removeAll(keptByteCountMax: Self.keptByteCountMax)
    if rowCapacity > keptRowCount { resize(toRows: keptRowCount) }
  }

  // MARK: - Steps

  /// Counts work that a record's size does not bound by itself.
  @inline(__always)
  mutating func spend(_ steps: Int) { stepCount &+= steps }

  /// Whether the record has taken more steps than it may: then it is `too_large`.
  @inline(__always)
  var isSpent: Bool { stepCount > stepCountMax }

  // MARK: - Rows

  /// Whether one row more would be more than there may be, whatever memory there is.
  var isRowLimitReached: Bool { rowCount >= rowCountMax }

  /// The words of the next row, all slots absent; nil if there may be no more.
  @unsafe @inline(__always)
  mutating func addRow() -> UnsafeMutablePointer<UInt64>? {
    if rowCount == rowCapacity, !grow() { return nil }
    let row = unsafe rows + rowCount &* rowStride
    rowCount &+= 1
    unsafe row[0] = 0
    if rowLayout.presenceCount > 1 { unsafe rowLayout.clearAll(row) }
    return unsafe row
  }

  /// Drops the row at hand: it is none.
  mutating func removeLastRow() {
    precondition(rowCount > 0, "a row is at hand")
    rowCount -= 1
    faults.clearRow(rowCount)
  }

  /// Drops all rows, and what was wrong with them.
  mutating func removeRows() {
    wrongRows = nil
    rowCount = 0
    faults.removeRows(keptByteCountMax: Self.keptByteCountMax)
  }

  @inline(never)
  private mutating func grow() -> Bool {
    let capacity = min(max(16, rowCapacity * 2), rowCapacityMax)
    guard capacity > rowCapacity else { return false }
    resize(toRows: capacity)
    return true
  }

  /// In place where the system can: so old and new rows are not there at once.
  private mutating func resize(toRows capacity: Int) {
    unsafe rows = Self.reallocate(rows, wordCount: capacity * rowStride)
    rowCapacity = capacity
  }

  @unsafe
  private static func reallocate(
    _ rows: UnsafeMutablePointer<UInt64>?, wordCount: Int
  ) -> UnsafeMutablePointer<UInt64> {
    let byteCount = max(1, wordCount) * 8
    guard let memory = unsafe realloc(rows, byteCount) else {
      // realloc fails only when the process may have no more memory at all; nothing is left to do.
      fatalError("cannot allocate \(byteCount) bytes for the rows of a record: out of memory")
    }
    return unsafe memory.bindMemory(to: UInt64.self, capacity: max(1, wordCount))
  }

  // MARK: - Wrong wire types

  /// Notes a wrong wire type for slots of the row at hand, or of the record.
  mutating func noteFault(_ slots: SlotSet, isInRow: Bool) {
    spend(slots.words.count)
    if isInRow {
      faults.note(slots, inRow: rowCount - 1)
    } else {
      faults.noteInRecord(slots)
    }
  }

  /// Slots that a oneof drops are as if they had never been.
  mutating func clearFaults(_ slots: SlotSet, isInRow: Bool) {
    if isInRow {
      faults.clear(slots, inRow: rowCount - 1)
    } else {
      faults.clearInRecord(slots)
    }
  }

  /// Whether a slot was noted, which is then forgotten.
  mutating func takeFault(slot: Int, isInRow: Bool) -> Bool {
    isInRow ? faults.take(slot, fromRow: rowCount - 1) : faults.takeFromRecord(slot)
  }

  /// Notes that the rows are unreadable.
  mutating func noteWrongRows(_ fault: WireFault) {
    if wrongRows == nil { wrongRows = fault }
  }

  /// All rows are there.
  @inline(__always)
  mutating func settleFaults() { if faults.isAny { faults.settle() } }
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

  /// Slots of one presence word become present with 0, unless they are present already; how many
  /// did.
  @unsafe
  func zero(_ slots: SlotSet.Word, in words: UnsafeMutablePointer<UInt64>) -> Int {
    var absent = unsafe slots.bits & ~words[slots.index]
    unsafe words[slots.index] |= slots.bits
    let count = absent.nonzeroBitCount
    while absent != 0 {
      unsafe words[presenceCount + slots.index << 6 + absent.trailingZeroBitCount] = 0
      absent &= absent &- 1
    }
    return count
  }

  /// Makes all slots absent.
  @unsafe @inline(never)
  func clearAll(_ words: UnsafeMutablePointer<UInt64>) {
    for word in 0..<presenceCount { unsafe words[word] = 0 }
  }

  /// Makes slots absent.
  @unsafe
  func clear(_ slots: SlotSet, in words: UnsafeMutablePointer<UInt64>) {
    for word in slots.words { unsafe words[word.index] &= ~word.bits }
  }

  @unsafe
  func clear(_ slot: Int, in words: UnsafeMutablePointer<UInt64>) {
    unsafe words[presenceCount &+ slot] = 0
    unsafe words[slot >> 6] &= ~(1 << UInt64(slot & 63))
  }
}

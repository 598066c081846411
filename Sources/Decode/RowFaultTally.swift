/// Lists the bad rows of one record, as many as are told apart, and counts the others.
///
/// Rows that are lost and rows that are kept without a metric are counted apart: the second kind
/// must not use up the letters of the first, without which a row would never come back. More lost
/// rows than are told apart make the record dead as a whole, so that one letter stands for all.
struct RowFaultTally {
  /// Of each kind.
  private let countMax: Int
  private var lostCount = 0
  private var keptCount = 0
  /// Place of the last kept row in the list; it speaks for those behind it.
  private var lastKept = -1

  init(countMax: Int) { self.countMax = countMax }

  /// Whether the record is to be dead as a whole.
  var hasTooManyLost: Bool { lostCount > countMax }

  /// Takes note of a row that gave no reading.
  mutating func addLost(
    _ reason: DeadReason, record: Int, row: Int, to faults: inout [RowFault],
    detail: @autoclosure () -> String
  ) {
    lostCount += 1
    if lostCount > countMax { return }
    faults.append(
      RowFault(
        recordIndex: record, rowIndex: UInt32(truncatingIfNeeded: row), reason: reason,
        detail: detail()))
  }

  /// Takes note of a row that is among the readings, but for what could not be read.
  mutating func addKept(
    _ reason: DeadReason, record: Int, row: Int, to faults: inout [RowFault],
    detail: @autoclosure () -> String
  ) {
    keptCount += 1
    if keptCount > countMax {
      if lastKept >= 0 { faults[lastKept].unlistedCount += 1 }
      return
    }
    lastKept = faults.count
    faults.append(
      RowFault(
        recordIndex: record, rowIndex: UInt32(truncatingIfNeeded: row), reason: reason,
        detail: detail(), isRowKept: true))
  }
}

/// What is wrong with a row that may be kept all the same.
///
/// Slots, not sentences: of a million bad rows a hundred are told apart.
struct RowNotes {
  private static let listedCountMax = 8

  private(set) var reason: DeadReason?
  /// The first ones.
  private var listed: [(reason: DeadReason, slot: Int)] = []
  private var count = 0
  /// Without that slot there is no row.
  var isVital = false

  /// The first reason stays.
  @inline(never)
  mutating func add(_ reason: DeadReason, slot: Int) {
    if self.reason == nil { self.reason = reason }
    count += 1
    if listed.count < Self.listedCountMax { listed.append((reason, slot)) }
  }

  /// Keeps the room, for the next row.
  mutating func removeAll() {
    reason = nil
    listed.removeAll(keepingCapacity: true)
    count = 0
    isVital = false
  }

  func detail(_ plan: CompiledMapping) -> String {
    let paths = plan.hasRows ? plan.tree.rowPaths : plan.tree.recordPaths
    return listed.map { "\(paths[$0.slot]): \(plan.sentence(for: $0.reason))" }
      .joined(separator: "; ")
      + (count > listed.count ? "; and \(count - listed.count) more" : "")
  }
}

/// What became of a record. Every record has exactly one outcome, so
/// consumed = read + empty + dead + duplicate + filtered (docs/ARCHITECTURE.md, invariant I4).
package enum Outcome: UInt8, CaseIterable, Sendable {
  /// At least one reading came out of it.
  case read
  /// Well-formed, without rows.
  case empty
  /// Not readable: kept whole in `dead_letters` with the reason.
  case dead
  /// Sent before, by the source's own account (`deduplicate`): it leaves no rows.
  case duplicate
  /// Left out because the configuration says so.
  case filtered
}

/// How many records met each outcome.
package struct OutcomeCounts: Equatable, Sendable {
  private var counts: [Int64] = Array(repeating: 0, count: Outcome.allCases.count)

  package init() {}

  package subscript(outcome: Outcome) -> Int64 {
    get { counts[Int(outcome.rawValue)] }
    set { counts[Int(outcome.rawValue)] = newValue }
  }

  /// All records that met an outcome.
  package var consumed: Int64 { counts.reduce(0, +) }

  package static func += (left: inout OutcomeCounts, right: OutcomeCounts) {
    for outcome in Outcome.allCases { left[outcome] += right[outcome] }
  }
}

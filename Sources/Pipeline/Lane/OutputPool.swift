import Base

/// Emptied outputs waiting for reuse, by source: their columns keep the capacity they grew to, so
/// that steady state allocates nothing.
///
/// A partition takes one when it has something to put in, not before: with many partitions of which
/// a few are read at a time, as in a backlog, memory follows what is buffered and not the number of
/// partitions. One pool a session; it goes with the session.
final class OutputPool: Sendable {
  private let spares = Monitor<[Int: [PartitionOutput]]>([:])

  /// The spare given back last, which memory knows best; nil when there is none.
  func takeSpare(source: Int) -> PartitionOutput? { spares.update { $0[source]?.popLast() } }

  func giveBack(_ output: PartitionOutput, source: Int) {
    if output.isBare { return }
    output.removeAll()
    spares.update { $0[source, default: []].append(output) }
  }
}

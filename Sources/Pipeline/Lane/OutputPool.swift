import Base

/// Emptied outputs waiting for reuse, by source: their columns keep the capacity they grew to, so
/// that steady state allocates nothing.
///
/// A partition takes one when it has something to put in, not before: with many partitions of which
/// a few are read at a time, as in a backlog, memory follows what is buffered and not the number of
/// partitions. What exceeds `byteCountMax` of capacity is freed: columns grow to the largest burst
/// they ever met, and bursts wander. One pool a session; it goes with the session.
final class OutputPool: Sendable {
  private struct Spares {
    var bySource: [Int: [PartitionOutput]] = [:]
    var byteCount = 0
  }

  private let spares = Monitor(Spares())
  private let byteCountMax: Int

  init(byteCountMax: Int) { self.byteCountMax = byteCountMax }

  /// The spare given back last, which memory knows best; nil when there is none.
  func takeSpare(source: Int) -> PartitionOutput? {
    spares.update { spares in
      guard let output = spares.bySource[source]?.popLast() else { return nil }
      spares.byteCount -= output.capacityByteCount
      return output
    }
  }

  func giveBack(_ output: PartitionOutput, source: Int) {
    output.removeAll()
    let byteCount = output.capacityByteCount
    spares.update { spares in
      guard byteCount > 0, spares.byteCount + byteCount <= byteCountMax else { return }
      spares.bySource[source, default: []].append(output)
      spares.byteCount += byteCount
    }
  }
}

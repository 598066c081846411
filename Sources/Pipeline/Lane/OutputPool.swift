import Base
import Telemetry

/// Emptied outputs waiting for reuse, by source: their columns keep the capacity they grew to, so
/// that steady state allocates nothing and memory stays where its peak was.
final class OutputPool: Sendable {
  private let spares: Monitor<[Int: [PartitionOutput]]>
  /// More spares of a source than this are freed: partitions that were taken away leave theirs.
  private let spareCountMax: Int

  init(spareCountMax: Int) {
    spares = Monitor([:])
    self.spareCountMax = spareCountMax
  }

  func take(source: Int, schema: ReadingSchema) -> PartitionOutput {
    let spare = spares.update { $0[source]?.popLast() }
    return spare ?? PartitionOutput(schema: schema)
  }

  func giveBack(_ output: PartitionOutput, source: Int) {
    output.removeAll()
    spares.update { spares in
      if spares[source, default: []].count < spareCountMax {
        spares[source, default: []].append(output)
      }
    }
  }
}

import Base
import Decode

/// A schema registry that takes its time: an id is known only some seconds after it was asked for,
/// and forgotten again, so that sessions begun later wait anew. When follows from the seed and the
/// simulated clock; the answer is always the same, as rows must not depend on it.
final class SimulatedRegistry: SchemaDirectory {
  private struct Entry: Sendable {
    var askedCount: UInt64
    var knownFromNanos: Int64
    var forgottenAtNanos: Int64
  }

  private let entries = Monitor<[Int32: Entry]>([:])
  private let seed: UInt64
  private let schema: SchemaAnswer
  private let tally: FaultTally

  private static let delayNanosMax: UInt64 = 3_000_000_000
  private static let memoryNanos: Int64 = 8_000_000_000

  /// - Parameter schema: what every id means.
  init(seed: UInt64, schema: SchemaOutline, tally: FaultTally) {
    self.seed = seed
    self.schema = .protobuf(schema)
    self.tally = tally
  }

  func answer(for id: Int32) -> SchemaAnswer? {
    let now = MonotonicClock.nowNanos()
    let (entry, isNew) = entries.update { entries in
      if let entry = entries[id], now < entry.forgottenAtNanos { return (entry, false) }
      let count = (entries[id]?.askedCount ?? 0) + 1
      var random = SplitMix64(seed: seed &+ UInt64(id) &* 1_000_003 &+ count)
      // Every other time it is quick.
      let delay = random.oneIn(2) ? 0 : Int64(random.next() % Self.delayNanosMax)
      let entry = Entry(
        askedCount: count, knownFromNanos: now + delay,
        forgottenAtNanos: now + delay + Self.memoryNanos)
      entries[id] = entry
      return (entry, true)
    }
    if entry.knownFromNanos <= now { return schema }
    if isNew { tally.note(.schemaUnknown) }
    return nil
  }

  var account: SchemaAccount { SchemaAccount(place: "simulated") }
}

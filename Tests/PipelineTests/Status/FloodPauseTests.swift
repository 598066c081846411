import Ledger
import Storage
import Telemetry
import Testing

@testable import Pipeline

/// A partition that is held back and let go again, and what counts for the flood rule.
@Suite struct FloodPauseTests {
  private static func harness() throws -> PartitionHarness {
    PartitionHarness(.test(), source: try TestSources.wide())
  }

  private static func record(_ index: Int) -> TestRecord {
    index.isMultiple(of: 3) ? .bytes([0xFF]) : .wide("sat-1", second: Double(index))
  }

  @Test func `what comes while it is held is taken later, once`() throws {
    let harness = try Self.harness()
    harness.offer((0..<5).map(Self.record), from: 0)
    harness.partition.hold()
    #expect(harness.offer((5..<9).map(Self.record), from: 5).allSatisfy { $0 == "" })
    #expect(harness.offer([.end(9)]) == [""])
    #expect(harness.partition.expected == 5)
    #expect(harness.partition.release() && harness.partition.refetchOffset == 5)
    // Until Kafka was asked, what still comes is of before.
    harness.offer((7..<9).map(Self.record), from: 7)
    harness.partition.didRefetch()
    harness.offer((5..<12).map(Self.record), from: 5)
    let cut = try #require(harness.cut())
    #expect(cut.to == 12 && cut.notDelivered == 0)
    #expect(cut.output.readings.outcomeCounts().consumed == 12)
  }

  @Test func `a partition that is held while it is asked for again stays held`() throws {
    let harness = try Self.harness()
    #expect(harness.offer([.record(4, Self.record(4))]) == ["refetch"])
    harness.partition.hold()
    harness.partition.didRefetch()
    harness.offer([Self.record(0)], from: 0)
    #expect(harness.partition.expected == 0)
    #expect(harness.partition.release())
    #expect(!harness.partition.release(), "it is released once")
  }

  @Test func `records and dead ones are counted once`() throws {
    let harness = try Self.harness()
    harness.offer((0..<6).map(Self.record), from: 0)
    #expect(harness.partition.takeShare() == DeadShare(recordCount: 6, deadCount: 2))
    #expect(harness.partition.takeShare() == DeadShare())
  }
}

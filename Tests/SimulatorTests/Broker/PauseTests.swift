import Kafka
import Pipeline
import Telemetry
import Testing

@testable import Simulator

/// Partitions that are not fetched for a while, as the library has it.
struct PauseTests {
  private let t0 = TopicPartition(topic: "t", partition: 0)

  private func alone(seed: UInt64) throws -> (driven: DrivenCluster, member: DrivenMember) {
    let driven = DrivenCluster(seed: seed, partitionCount: 1, recordCount: 50)
    let member = try DrivenMember(driven.cluster, process: 1)
    member.delegate.starts[t0] = 0
    driven.run([member])
    return (driven, member)
  }

  @Test func `a paused partition gives at most what was on its way, and then goes on`() throws {
    var aheadCounts: Set<Int> = []
    for seed in UInt64(1)...20 {
      let (driven, member) = try alone(seed: seed)
      #expect(member.offsets(of: t0) == Array(0..<50), "seed \(seed)")
      try member.consumer.pause([t0])
      #expect(driven.cluster.pausedPartitions == [t0])
      driven.fill(100)
      driven.run([member])
      let ahead = member.offsets(of: t0).count - 50
      aheadCounts.insert(ahead)
      #expect((0...20).contains(ahead), "seed \(seed)")
      #expect(driven.count(.slowBroker) == 0, "nobody waits for a broker")
      try member.consumer.resume([t0])
      #expect(driven.cluster.pausedPartitions.isEmpty)
      driven.run([member])
      #expect(member.offsets(of: t0) == Array(0..<150), "seed \(seed)")
      #expect(driven.count(.sourceFlooded) == 1 && driven.count(.floodProbed) == 1)
    }
    #expect(aheadCounts.contains(0) && aheadCounts.count > 3)
  }

  @Test func `a pause outlasts an assignment`() throws {
    let (driven, member) = try alone(seed: 7)
    try member.consumer.pause([t0])
    driven.cluster.evict(process: 1)
    driven.fill(30)
    driven.run([member], millis: 30_000)
    #expect(driven.cluster.owner(of: t0) == 1)
    #expect(!member.offsets(of: t0).contains(79))
    try member.consumer.resume([t0])
    driven.run([member])
    #expect(member.offsets(of: t0).last == 79)
  }
}

import Kafka
import Pipeline
import Telemetry
import Testing

@testable import Simulator

/// Who gets which partitions when.
struct SimulatedGroupTests {
  private static let seeds: [UInt64] = [1, 2, 3, 4, 5]

  @Test(arguments: seeds)
  func `every record reaches one lane of one member, in order, once`(seed: UInt64) throws {
    let driven = DrivenCluster(seed: seed, partitionCount: 5)
    let members = try (1...3).map { try DrivenMember(driven.cluster, process: $0) }
    driven.run(members, then: { driven.fill(1) })
    driven.run(members)
    for partition in driven.partitions {
      let owners = members.filter { $0.held.contains(partition) }
      #expect(owners.count == 1)
      let offsets = members.flatMap { $0.offsets(of: partition) }
      #expect(offsets == Array(0..<350), "\(partition), seed \(seed)")
      let lanes = members.flatMap(\.seen).filter { $0.partition == partition }.map(\.lane)
      #expect(Set(lanes) == [Int(partition.partition) % 2])
    }
    #expect(members.allSatisfy { (1...2).contains($0.held.count) }, "shares are even")
    #expect(
      members.flatMap(\.seen).allSatisfy {
        $0.kind != .record || $0.payload == "\($0.partition.partition)/\($0.offset)"
      })
    #expect(driven.tally.taken == [.rebalanced: 1])
  }

  @Test(arguments: seeds)
  func `a partition has one owner at every moment of many rebalances`(seed: UInt64) throws {
    let driven = DrivenCluster(seed: seed, partitionCount: 6)
    var members = try (1...2).map { try DrivenMember(driven.cluster, process: $0) }
    for round in 3..<8 {
      driven.run(members, millis: 1000) {
        for partition in driven.partitions {
          #expect(members.count { $0.held.contains(partition) } <= 1, "seed \(seed)")
        }
      }
      driven.cluster.rebalance()
      members.append(try DrivenMember(driven.cluster, process: round))
    }
    driven.run(members)
    #expect(members.reduce(0) { $0 + $1.held.count } == 6)
    #expect(members.allSatisfy { $0.delegate.count("lost") == 0 })
    #expect(driven.count(.partitionsRevoked) > 0)
    #expect(driven.count(.rebalanced) > 1)
  }

  @Test func `who leaves gives everything back, and the others have it at once`() throws {
    let driven = DrivenCluster(seed: 7)
    let members = try (1...2).map { try DrivenMember(driven.cluster, process: $0) }
    driven.run(members)
    #expect(members[0].held.count == 2)
    let left = members[0].consumer.leaveGroup(timeoutMillis: 1000)
    #expect(left.isClean)
    #expect(members[0].held.isEmpty)
    #expect(members[0].delegate.story.last?.hasPrefix("revoked") == true)
    members[0].consumer.close(timeoutMillis: 0)
    driven.run([members[1]], millis: 1500)
    #expect(members[1].held.count == 4)
    #expect(members[1].delegate.count("lost") == 0)
    #expect(driven.cluster.memberCount == 1)
  }

  @Test func `a frozen member is dropped and hears of it when it wakes`() throws {
    let driven = DrivenCluster(seed: 8)
    let members = try (1...2).map { try DrivenMember(driven.cluster, process: $0) }
    driven.run(members)
    let before = members[0].held
    driven.cluster.freeze(process: 1, millis: 8000)
    driven.run([members[1]], millis: 5500)
    #expect(members[1].held.count == 2, "its session is not over yet")
    driven.run([members[1]], millis: 3000)
    #expect(members[1].held.count == 4)
    #expect(members[0].held == before, "a zombie believes what it did")
    #expect(members[0].delegate.count("lost") == 0)
    driven.run(members)
    #expect(members[0].delegate.count("lost") == 1)
    #expect(driven.count(.partitionsLost) == 1)
    #expect(members[0].held.count == 2, "it has joined again")
    #expect(members[1].held.isDisjoint(with: members[0].held))
  }

  @Test func `a member that is cut off finds out by itself and gets no records meanwhile`() throws {
    let driven = DrivenCluster(seed: 9)
    let members = try (1...2).map { try DrivenMember(driven.cluster, process: $0) }
    driven.run(members)
    driven.cluster.cutOff(process: 1, millis: 20_000)
    let seenCount = members[0].seen.count
    driven.fill(200)
    driven.run(members, millis: 3000)
    // At most what was fetched ahead: two partitions, recordCountMax each.
    #expect(members[0].seen.count - seenCount <= 40)
    #expect(driven.count(.slowBroker) > 0)
    #expect(throws: KafkaError.self) {
      try members[0].consumer.offsetRanges(driven.partitions, timeoutMillis: 10)
    }
    driven.run(members, millis: 6000)
    #expect(members[0].delegate.count("lost") == 1)
    #expect(members[1].held.count == 4)
    driven.run(members, millis: 16_000)
    #expect(members[0].held.count == 2)
  }

  @Test func `a killed process is silent for ever and has no effect`() throws {
    let driven = DrivenCluster(seed: 10)
    let members = try (1...2).map { try DrivenMember(driven.cluster, process: $0) }
    driven.run(members)
    driven.cluster.kill(process: 1)
    let (story, seenCount) = (members[0].delegate.story, members[0].seen.count)
    driven.fill(50)
    driven.run(members, millis: 8000)
    #expect(members[1].held.count == 4)
    #expect(members[0].seen.count == seenCount)
    #expect(
      members[0].events.contains { if case .fatal = $0 { true } else { false } })
    #expect(throws: KafkaError.self) {
      try members[0].consumer.seek(driven.partitions[0], to: 0, timeoutMillis: 0)
    }
    #expect(throws: KafkaError.self) {
      try members[0].consumer.commitGroupOffsets([(driven.partitions[0], 5)])
    }
    #expect(throws: KafkaError.self) {
      try driven.cluster.connect(process: 1, laneCount: 1, delegate: members[0].delegate)
    }
    #expect(members[0].consumer.clusterID(timeoutMillis: 10) == nil)
    #expect(!members[0].consumer.leaveGroup(timeoutMillis: 0).isClean)
    members[0].consumer.close(timeoutMillis: 0)
    #expect(members[0].delegate.story == story, "its delegate is not called again")
    #expect(driven.cluster.committedOffset(of: driven.partitions[0]) == nil)
  }

  @Test func `a member that is not polled for too long loses everything`() throws {
    let driven = DrivenCluster(seed: 11)
    let members = try (1...2).map { try DrivenMember(driven.cluster, process: $0) }
    driven.run(members)
    driven.run([members[1]], millis: 302_000)
    #expect(members[1].held.count == 4)
    members[0].poll()
    #expect(members[0].delegate.count("lost") == 1)
    driven.run(members)
    let errors = members[0].events.compactMap { event -> KafkaErrorCode? in
      if case .error(let error) = event { error.code } else { nil }
    }
    #expect(errors == [.pollIntervalExceeded])
  }

  @Test func `new partitions are given out; declined ones are read by nobody`() throws {
    let driven = DrivenCluster(seed: 12)
    let member = try DrivenMember(driven.cluster, process: 1)
    let added = TopicPartition(topic: "t", partition: 4)
    member.delegate.declines = [added]
    driven.run([member])
    driven.cluster.addPartitions("t", to: 5)
    driven.cluster.produce(numberedRecord(4, 0), to: added)
    driven.run([member])
    let declined = member.events.flatMap { event -> [TopicPartition] in
      if case .declined(let partitions) = event { partitions } else { [] }
    }
    #expect(declined == [added])
    #expect(member.offsets(of: added).isEmpty)
    #expect(driven.count(.partitionsAdded) == 1)
    let counts = try member.consumer.partitionCounts(["t"], timeoutMillis: 10)
    #expect(counts == ["t": 5])
  }

  @Test func `an eviction in the middle of giving back is heard of afterwards`() throws {
    let driven = DrivenCluster(seed: 13)
    let first = try DrivenMember(driven.cluster, process: 1)
    driven.run([first])
    var others: Set<TopicPartition> = []
    let second = try DrivenMember(driven.cluster, process: 2)
    first.delegate.onRevoked = {
      driven.cluster.evict(process: 1)
      driven.run([second])
      others = second.held
    }
    driven.run([first, second], millis: 2000)
    #expect(others.count == 4, "nobody waits for a member that was dropped")
    #expect(first.delegate.story.contains { $0.hasPrefix("lost") })
    first.delegate.onRevoked = {}
    driven.run([first, second])
    #expect(first.held.count == 2 && second.held.count == 2)
  }
}

import Base
import Kafka
import Telemetry
import Testing

/// What a pipeline knows of its partitions, shared by the members as the ledger is.
private final class SharedPositions {
  private(set) var next: [TopicPartition: Int64] = [:]
  private(set) var acceptedCount = 0
  private(set) var droppedCount = 0
  private(set) var jumps: [String] = []

  /// The expected-offset rule (design.md 4.8): lower is dropped, a jump is looked at again.
  func take(_ record: TakenRecord, _ consumer: KafkaConsumer) throws {
    guard record.kind == .record else { return }
    let expected = next[record.partition] ?? 0
    if record.offset < expected {
      droppedCount += 1
    } else if record.offset > expected {
      jumps.append("\(record.partition) \(expected) → \(record.offset)")
      try consumer.seek(record.partition, to: expected)
    } else {
      #expect(record.value == "\(expected)")
      next[record.partition] = expected + 1
      acceptedCount += 1
    }
  }
}

struct RebalanceTests {
  private static let partitionCount: Int32 = 6

  /// A member whose start offsets are the shared positions and which accepts only what it holds.
  private final class Member {
    let member: TestMember
    var held: Set<TopicPartition> = []

    init(_ cluster: TestCluster, _ positions: SharedPositions) throws {
      member = try TestMember(cluster.options(laneCount: 2), topics: [cluster.topic])
      member.delegate.onAssigned = { [unowned self] partitions in
        held.formUnion(partitions)
        for partition in partitions {
          member.delegate.starts[partition] = positions.next[partition] ?? 0
        }
      }
      member.delegate.onRevoked = { [unowned self] partitions in held.subtract(partitions) }
    }

    func step(_ positions: SharedPositions) throws {
      member.poll()
      for lane in 0..<2 {
        let records = member.drain(lane: lane, countMax: 200)
        for record in records where held.contains(record.partition) {
          try positions.take(record, member.consumer)
        }
      }
    }
  }

  @Test func `a hand-over between two members loses and doubles nothing`() async throws {
    let cluster = try TestCluster(partitionCount: Int(Self.partitionCount))
    let positions = SharedPositions()
    try cluster.fill(0..<Self.partitionCount, count: 2000)
    let first = try Member(cluster, positions)
    try await wait("the first member got nothing") {
      try first.step(positions)
      return positions.acceptedCount > 3000
    }
    #expect(first.held.count == Int(Self.partitionCount))

    let second = try Member(cluster, positions)
    try await wait("the partitions were not shared") {
      try first.step(positions)
      try second.step(positions)
      return first.held.count == 3 && second.held.count == 3
    }
    #expect(
      first.member.delegate.revokedPartitions.count == 3,
      "cooperative: only the partitions that move are revoked")
    try cluster.fill(0..<Self.partitionCount, count: 2000, from: 2000)
    try await wait("not everything was read by both") {
      try first.step(positions)
      try second.step(positions)
      return positions.acceptedCount == 4000 * Int(Self.partitionCount)
    }

    // The first leaves: its partitions go to the second, in order, without a session time-out.
    let leaving = first.member.consumer.leaveGroup(timeoutMillis: 5000)
    #expect(leaving.isClean)
    #expect(first.held.isEmpty)
    first.member.consumer.close()
    try cluster.fill(0..<Self.partitionCount, count: 500, from: 4000)
    try await wait("the second did not take over") {
      try second.step(positions)
      return positions.acceptedCount == 4500 * Int(Self.partitionCount)
    }
    second.member.consumer.close()
    #expect(positions.jumps.isEmpty)
    #expect(first.member.delegate.lostPartitions.isEmpty)
    #expect(first.member.errors.isEmpty && second.member.errors.isEmpty)
  }

  @Test func `declined partitions are reported and deliver nothing`() async throws {
    let cluster = try TestCluster(partitionCount: 2)
    try cluster.fill(0..<2, count: 10)
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    defer { member.consumer.close() }
    member.delegate.declines = true
    var records: [TakenRecord] = []
    try await wait("the declined partitions were not reported") {
      records += member.step()
      return member.events.contains {
        if case .declined(let partitions) = $0 { partitions.count == 2 } else { false }
      }
    }
    try await keep(doing: { records += member.step() }, forMillis: 300)
    #expect(records.isEmpty)
    #expect(member.errors.isEmpty)
  }

  @Test func `closing returns in bounded time and revokes what is held`() async throws {
    let cluster = try TestCluster(partitionCount: 3)
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    try await wait("no partitions came") {
      member.poll()
      return member.delegate.assignedPartitions.count == 3
    }
    let started = MonotonicClock.nowNanos()
    member.consumer.close(timeoutMillis: 5000)
    #expect(MonotonicClock.nowNanos() - started < 6_000_000_000)
    #expect(member.delegate.revokedPartitions.count == 3)
  }

  @Test func `closing does not wait for ever for brokers that are gone`() async throws {
    let cluster = try TestCluster(partitionCount: 3)
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    try await wait("no partitions came") {
      member.poll()
      return member.delegate.assignedPartitions.count == 3
    }
    try cluster.mock.setDown(broker: nil)
    let started = MonotonicClock.nowNanos()
    member.consumer.close(timeoutMillis: 1000)
    #expect(MonotonicClock.nowNanos() - started < 5_000_000_000)
  }

  @Test func `polling keeps the membership while no lane drains`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    try cluster.fill(0..<1, count: 10)
    var options = cluster.options()
    options.properties.removeAll { $0.0 == "max.poll.interval.ms" }
    options.properties.append(("max.poll.interval.ms", "4000"))
    let member = try TestMember(options, topics: [cluster.topic])
    defer { member.consumer.close() }
    try await wait("nothing came") { !member.step().isEmpty }
    try await keep(doing: { member.poll() }, forMillis: 7000)
    #expect(member.errors.isEmpty)
    #expect(member.delegate.lostPartitions.isEmpty)
  }
}

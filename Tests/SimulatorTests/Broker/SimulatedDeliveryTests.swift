import Kafka
import Pipeline
import Telemetry
import Testing

@testable import Simulator

/// What lanes get, and each way in which it may be wrong.
struct SimulatedDeliveryTests {
  private let t0 = TopicPartition(topic: "t", partition: 0)

  /// One member, one partition, with faults from the start.
  private func alone(
    seed: UInt64, recordCount: Int = 100, start: Int64 = 0,
    _ change: (inout BrokerFaults) -> Void = { _ in }
  ) throws -> (driven: DrivenCluster, member: DrivenMember) {
    let driven = DrivenCluster(seed: seed, partitionCount: 1, recordCount: recordCount)
    var faults = BrokerFaults()
    change(&faults)
    driven.cluster.faults = faults
    let member = try DrivenMember(driven.cluster, process: 1)
    member.delegate.starts[t0] = start
    return (driven, member)
  }

  @Test func `the end of a partition is told once each time it is reached`() throws {
    let (driven, member) = try alone(seed: 1)
    driven.run([member])
    driven.fill(3)
    driven.run([member])
    driven.cluster.appendMarker(to: t0)
    driven.run([member])
    let ends = member.seen.filter { $0.kind == .endOfPartition }.map(\.offset)
    #expect(ends == [100, 103, 104], "a trailing marker moves the end")
    #expect(member.offsets(of: t0) == Array(0..<103))
    #expect(driven.count(.transactionMarker) == 1)
    #expect(driven.cluster.history(of: t0).count == 104)
    #expect(driven.cluster.history(of: t0)[103] == nil)
  }

  @Test func `a drain keeps to its count and gives headers, nulls and stamps as they are`() throws {
    let (driven, member) = try alone(seed: 2, recordCount: 0)
    let letter = SimulatedRecord(
      key: nil, payload: [], timestampMicros: 5000, hasAppendTime: true,
      headersJSON: #"[{"key":"a","value":"AQ=="}]"#)
    let tombstone = SimulatedRecord(key: [], payload: nil, timestampMicros: 6000)
    driven.cluster.produce([letter, tombstone], to: t0)
    for _ in 0..<100 {
      driven.clock.pass(millis: 20)
      member.poll()
    }
    let source = member.consumer.records(ofLane: 0)
    var batch = RecordBatch()
    for (offset, record) in [letter, tombstone].enumerated() {
      source.drain(into: &batch, countMax: 1, timeoutMillis: 0)
      let header = try #require(batch.headers.first)
      #expect(batch.count == 1 && header.kind == .record && header.offset == offset)
      #expect(header.timestampMicros == record.timestampMicros)
      #expect(header.hasAppendTime == record.hasAppendTime)
      let keyByteCount = batch.key(at: 0)?.byteCount
      let payloadByteCount = batch.payload(at: 0)?.byteCount
      #expect(keyByteCount == record.key?.count)
      #expect(payloadByteCount == record.payload?.count)
      #expect(source.headersJSON(at: 0) == record.headersJSON)
    }
  }

  @Test func `a position that retention has passed is lost, and only then`() throws {
    let (driven, member) = try alone(seed: 3)
    driven.cluster.deleteRecords(of: t0, before: 10)
    #expect(driven.count(.retentionOvertook) == 0, "nobody has read or committed anything")
    driven.run([member])
    #expect(member.seen.map(\.kind) == [.positionLost])
    #expect(member.seen.map(\.offset) == [0])
    let ranges = try member.consumer.offsetRanges([t0], timeoutMillis: 10)
    #expect(ranges == [t0: OffsetRange(beginning: 10, end: 100)])
    #expect(throws: KafkaError.self) {
      try member.consumer.seek(t0, to: 10, timeoutMillis: 0)
    }
    driven.cluster.deleteRecords(of: t0, before: 20)
    #expect(driven.count(.retentionOvertook) == 1)
    #expect(driven.cluster.history(of: t0).count == 100)
  }

  @Test func `a re-created topic loses the position of who did not notice`() throws {
    let (driven, member) = try alone(seed: 4)
    driven.run([member])
    driven.cluster.recreateTopic("t", partitionCount: 1, isNoticed: false)
    #expect(driven.count(.topicRecreated) == 0, "nobody has met it yet")
    driven.cluster.produce(numberedRecord(9, 0), to: t0)
    driven.run([member])
    #expect(member.seen.last?.kind == .positionLost)
    #expect(driven.count(.topicRecreated) == 1)
    #expect(driven.cluster.history(of: t0) == [numberedRecord(9, 0)])
    #expect(driven.cluster.formerHistories(of: t0).map(\.count) == [100])
  }

  @Test func `a re-created topic that is noticed changes hands`() throws {
    let (driven, member) = try alone(seed: 5)
    driven.run([member])
    driven.cluster.recreateTopic("t", partitionCount: 2, isNoticed: true)
    driven.fill(7)
    driven.run([member])
    #expect(member.delegate.count("revoked") == 1)
    #expect(member.held.count == 2)
    #expect(member.offsets(of: t0) == Array(0..<100) + Array(0..<7))
  }

  @Test func `another cluster has another id, no records and no members`() throws {
    let (driven, member) = try alone(seed: 6)
    driven.run([member])
    driven.cluster.replaceCluster(id: "other")
    #expect(member.consumer.clusterID(timeoutMillis: 10) == "other")
    #expect(driven.count(.clusterReplaced) == 1)
    driven.run([member])
    #expect(member.delegate.count("lost") == 1)
    #expect(member.held == [t0])
    #expect(driven.cluster.offsets(of: t0) == 0..<0)
  }

  // MARK: - Misbehaviour

  @Test func `records are delivered twice`() throws {
    let (driven, member) = try alone(seed: 7) { $0.duplicateDelivery = 0.5 }
    driven.run([member])
    let offsets = member.offsets(of: t0)
    #expect(offsets.count > 100)
    #expect(Set(offsets) == Set(0..<100))
    #expect(driven.count(.duplicateDelivery) > 0)
  }

  @Test func `a jump after an assignment is healed by asking again`() throws {
    let (driven, member) = try alone(seed: 8, start: 5) { $0.forwardJump = 1 }
    driven.run([member])
    let first = try #require(member.offsets(of: t0).first)
    #expect((6...25).contains(first))
    #expect(driven.count(.forwardJump) == 1)
    try member.consumer.seek(t0, to: 5, timeoutMillis: 0)
    driven.run([member])
    #expect(member.offsets(of: t0) == Array(first..<100) + Array(5..<100))
    #expect(driven.count(.forwardJump) == 1)
  }

  @Test func `records of an earlier assignment come before those of the next`() throws {
    let (driven, member) = try alone(seed: 9, recordCount: 50) { $0.staleDelivery = 1 }
    driven.run([member])
    driven.fill(50)
    member.delegate.starts[t0] = 20
    driven.cluster.evict(process: 1)
    for _ in 0..<60 where member.delegate.count("lost") == 0 {
      driven.clock.pass(millis: 20)
      member.poll()
    }
    #expect(member.held.isEmpty)
    let seenCount = member.seen.count
    driven.run([member])
    let after = member.seen[seenCount...].filter { $0.kind == .record }.map(\.offset)
    let strayCount = after.count - 80
    #expect(strayCount > 0)
    #expect(Array(after[strayCount...]) == Array(20..<100))
    #expect(after.first.map { (30...50).contains($0) } == true, "around the old position")
    #expect(driven.count(.staleDelivery) == 1)
  }

  @Test func `a seek drops what strays`() throws {
    let (driven, member) = try alone(seed: 9, recordCount: 50) { $0.staleDelivery = 1 }
    driven.run([member])
    member.delegate.starts[t0] = 20
    driven.cluster.evict(process: 1)
    for _ in 0..<100 where member.delegate.count("assigned") < 2 {
      driven.clock.pass(millis: 20)
      member.poll()
    }
    let seenCount = member.seen.count
    try member.consumer.seek(t0, to: 20, timeoutMillis: 0)
    driven.run([member])
    let after = member.seen[seenCount...].filter { $0.kind == .record }.map(\.offset)
    #expect(after == Array(20..<50))
    #expect(driven.count(.staleDelivery) == 0)
  }

  /// Offsets that follow a seek from 100 to 60.
  private func offsetsAfterSeek(_ change: (inout BrokerFaults) -> Void) throws -> [Int64] {
    let (driven, member) = try alone(seed: 10, change)
    driven.run([member])
    driven.fill(30)
    let seenCount = member.seen.count
    try member.consumer.seek(t0, to: 60, timeoutMillis: 0)
    driven.run([member])
    #expect(driven.count(.staleDelivery) + driven.count(.forwardJump) == 1)
    return member.seen[seenCount...].filter { $0.kind == .record }.map(\.offset)
  }

  @Test func `after a seek comes what its faults say`() throws {
    let below = try offsetsAfterSeek { $0.staleBelowSeek = 1 }
    #expect(below == Array(40..<60) + Array(60..<130))
    let above = try offsetsAfterSeek { $0.staleAboveSeek = 1 }
    #expect(above == Array(100..<120) + Array(60..<130))
    let jumped = try offsetsAfterSeek { $0.jumpAfterSeek = 1 }
    let first = try #require(jumped.first)
    #expect((61...80).contains(first) && jumped == Array(first..<130))
  }

  @Test func `batches come late`() throws {
    let (driven, member) = try alone(seed: 11) {
      $0.delayedBatch = 1
      $0.delayMillisMax = 5000
    }
    driven.run([member], millis: 2000)
    #expect(member.offsets(of: t0).count < 100)
    driven.cluster.faults = BrokerFaults()
    driven.run([member], millis: 10_000)
    #expect(member.offsets(of: t0) == Array(0..<100))
    #expect(driven.count(.slowBroker) > 0)
  }

  @Test func `the group drops a member for no reason`() throws {
    let (driven, member) = try alone(seed: 12) { $0.eviction = 0.02 }
    driven.run([member], millis: 20_000)
    #expect(member.delegate.count("lost") > 1)
    #expect(driven.count(.partitionsLost) == member.delegate.count("lost"))
  }

  @Test func `errors that mean nothing reach the control thread and the lanes`() throws {
    let (driven, member) = try alone(seed: 13) { $0.spuriousError = 0.5 }
    driven.run([member], millis: 1000)
    let errors = member.events.compactMap { event -> KafkaError? in
      if case .error(let error) = event { error } else { nil }
    }
    #expect(!errors.isEmpty)
    #expect(errors.allSatisfy { $0.isRetriable })
    let faults = (0..<2).flatMap { member.consumer.records(ofLane: $0).takeFaults() }
    #expect(!faults.isEmpty)
  }

  @Test func `seeks, requests and group offsets fail as often as they are told to`() throws {
    let (driven, member) = try alone(seed: 14)
    driven.run([member])
    try member.consumer.commitGroupOffsets([(t0, 42)])
    #expect(driven.cluster.committedOffset(of: t0) == 42)
    var faults = BrokerFaults()
    faults.failedSeek = 1
    faults.failedRequest = 1
    faults.failedGroupCommit = 1
    faults.failedConnect = 1
    driven.cluster.faults = faults
    #expect(throws: KafkaError.self) { try member.consumer.seek(t0, to: 3, timeoutMillis: 0) }
    #expect(throws: KafkaError.self) {
      try member.consumer.offsetRanges([t0], timeoutMillis: 10)
    }
    var thrownCount = 0
    for _ in 0..<20 {
      do {
        try member.consumer.commitGroupOffsets([(t0, 50)])
      } catch {
        thrownCount += 1
      }
    }
    member.poll()
    let eventCount = member.events.count {
      if case .groupOffsetsNotCommitted = $0 { true } else { false }
    }
    #expect(thrownCount > 0 && eventCount > 0 && thrownCount + eventCount == 20)
    #expect(driven.cluster.committedOffset(of: t0) == 42)
    #expect(throws: KafkaError.self) { try DrivenMember(driven.cluster, process: 2) }
  }

  @Test func `a leave that is not answered ends in loss`() throws {
    let (driven, member) = try alone(seed: 15) { $0.unansweredLeave = 1 }
    driven.run([member])
    #expect(!member.consumer.leaveGroup(timeoutMillis: 5).isClean)
    #expect(member.delegate.story.last == "lost [t[0]]")
    #expect(driven.cluster.memberCount == 1, "the group does not know yet")
    driven.clock.pass(millis: 6500)
    #expect(driven.cluster.memberCount == 0)
  }

  @Test func `one seed makes one run`() throws {
    func story(_ seed: UInt64) throws -> [String] {
      let driven = DrivenCluster(seed: seed, partitionCount: 5)
      var faults = BrokerFaults()
      faults.staleDelivery = 0.5
      faults.duplicateDelivery = 0.1
      faults.forwardJump = 0.5
      faults.delayedBatch = 0.1
      faults.eviction = 0.01
      faults.spuriousError = 0.01
      driven.cluster.faults = faults
      let members = try (1...3).map { try DrivenMember(driven.cluster, process: $0) }
      driven.run(members, then: { driven.fill(1) })
      driven.cluster.freeze(process: 2, millis: 7000)
      driven.run([members[0], members[2]], millis: 8000)
      driven.cluster.rebalance()
      driven.run(members)
      return members.flatMap { $0.delegate.story + $0.seen.map(\.description) }
        + [driven.tally.taken.map { "\($0.key) \($0.value)" }.sorted().joined()]
    }
    let first = try story(77)
    #expect(try story(77) == first)
    #expect(try story(78) != first)
    #expect(first.count > 1000)
  }
}

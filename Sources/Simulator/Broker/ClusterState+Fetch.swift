import Kafka
import Telemetry

/// The lanes' side of a client, and its positions.
extension ClusterState {
  /// What a lane's drain finds: runs of random length of its partitions in random order. Empty
  /// when nothing is there.
  mutating func takeRecords(_ id: Int, lane: Int, countMax: Int) -> [Delivery] {
    if isKilled(id) || clients[id].isGone { return [] }
    let client = clients[id].lanes[lane]
    var random = client.random
    var deliveries: [Delivery] = []
    let isSilent = !isReachable(id)
    for (turn, slot) in client.slots.indices.shuffled(using: &random).enumerated() {
      let isLast = turn == client.slots.count - 1
      // Never nothing while there is something: the lane would wait in vain.
      let countMin = isLast && deliveries.isEmpty ? 1 : 0
      let count = Int.random(in: countMin...Self.runCountMax, using: &random)
      if count == 0 { continue }
      let partition = client.slots[slot].partition
      let isPaused = clients[id].paused[partition] != nil
      let occasion = FetchSlot.Occasion(
        nowNanos: nowNanos, isSilent: isSilent || isPaused, isPaused: isPaused, countMax: count,
        deliveryCountMax: countMax, faults: faults)
      let countBefore = deliveries.count
      clients[id].lanes[lane].slots[slot].take(
        log(of: partition), slot: slot, occasion, random: &random, into: &deliveries,
        notes: &notes)
      if deliveries.count > countBefore { noteSeen(partition.topic) }
    }
    clients[id].lanes[lane].random = random
    return deliveries
  }

  /// A lane's faults that its client goes on from.
  mutating func takeFaults(_ id: Int, lane: Int) -> [String] {
    let faults = clients[id].lanes[lane].faults
    if !faults.isEmpty { clients[id].lanes[lane].faults = [] }
    return faults
  }

  /// Records of one partition that one drain finds at most; small, so that whatever may happen
  /// between two drains happens between many.
  private static let runCountMax = 40

  // MARK: - Pausing

  /// Fetches nothing of the partitions until `resume`; what is on its way may still come, and does
  /// now and then.
  mutating func pause(_ partitions: [TopicPartition], _ id: Int) -> KafkaError? {
    if isKilled(id) { return Self.killedError("pause partitions") }
    notes.append(.sourceFlooded)
    for partition in partitions {
      clients[id].paused[partition] = nowNanos
      guard let lane = clients[id].lane(holding: partition),
        let slot = clients[id].lanes[lane].slot(of: partition)
      else { continue }
      let countMax = Int64(faults.recordCountMax)
      let ahead = Bool.random(using: &random) ? 0 : Int64.random(in: 0...countMax, using: &random)
      let position = clients[id].lanes[lane].slots[slot].position
      clients[id].lanes[lane].slots[slot].prefetchedUntil = position + ahead
    }
    return nil
  }

  /// Goes on behind what was delivered last.
  mutating func resume(_ partitions: [TopicPartition], _ id: Int) -> KafkaError? {
    if isKilled(id) { return Self.killedError("resume partitions") }
    let held = partitions.filter { clients[id].held.contains($0) }
    if held.contains(where: { clients[id].paused[$0] != nil }) { notes.append(.floodProbed) }
    for partition in partitions {
      clients[id].paused[partition] = nil
      guard isReachable(id), let lane = clients[id].lane(holding: partition),
        let slot = clients[id].lanes[lane].slot(of: partition)
      else { continue }
      clients[id].lanes[lane].slots[slot].prefetchedUntil = 0
    }
    return nil
  }

  /// Moves a held partition. What misfortune does is drawn here.
  mutating func seek(
    _ partition: TopicPartition, to offset: Int64, _ id: Int
  ) -> KafkaError? {
    let operation = "seek \(partition) to \(offset)"
    if isKilled(id) { return Self.killedError(operation) }
    guard let lane = clients[id].lane(holding: partition),
      let slot = clients[id].lanes[lane].slot(of: partition)
    else { return KafkaError(code: .unknownPartition, operation: operation) }
    let place = clients[id].lanes[lane].slots[slot]
    if place.isLost { return KafkaError(code: .wrongState, operation: operation) }
    let fails = random.happens(faults.failedSeek)
    if fails && Bool.random(using: &random) {
      return KafkaError(code: .timedOut, operation: operation)
    }
    let countMax = Int64(faults.recordCountMax)
    var jump: Int64 = 0
    if random.happens(faults.jumpAfterSeek) {
      jump = Int64.random(in: 1...countMax, using: &random)
    }
    clients[id].lanes[lane].slots[slot].move(to: offset, jump: jump)
    clients[id].lanes[lane].slots[slot].dropStrays()
    if let log = log(of: partition) {
      let from = place.position
      if random.happens(faults.staleBelowSeek) {
        clients[id].lanes[lane].slots[slot].stray(
          max(0, offset - countMax)..<offset, of: log, dueNanos: nowNanos)
      } else if random.happens(faults.staleAboveSeek) {
        clients[id].lanes[lane].slots[slot].stray(
          from..<from + countMax, of: log, dueNanos: nowNanos)
      }
    }
    return fails ? KafkaError(code: .timedOut, operation: operation) : nil
  }

  /// Group offsets: kept where the member is one; else the client hears of it later.
  mutating func commit(
    _ positions: [(partition: TopicPartition, nextOffset: Int64)], _ id: Int
  ) -> KafkaError? {
    let operation = "commit group offsets"
    if isKilled(id) { return Self.killedError(operation) }
    if random.happens(faults.failedGroupCommit) {
      let error = KafkaError(code: .requestTimedOut, operation: operation)
      if Bool.random(using: &random) { return error }
      clients[id].events.append(.groupOffsetsNotCommitted(error))
      return nil
    }
    guard isReachable(id) else {
      clients[id].events.append(
        .groupOffsetsNotCommitted(KafkaError(code: .timedOut, operation: operation)))
      return nil
    }
    guard let member = clients[id].member, group.isMember(member) else {
      clients[id].events.append(
        .groupOffsetsNotCommitted(KafkaError(code: .unknownMember, operation: operation)))
      return nil
    }
    for position in positions { committed[position.partition] = position.nextOffset }
    return nil
  }

  // MARK: - What the scenario does to logs

  /// Retention; notes where it has overtaken somebody who reads, or will go on reading.
  mutating func delete(before offset: Int64, of partition: TopicPartition) {
    guard let old = log(of: partition) else { return }
    let number = Int(partition.partition)
    topics[partition.topic]?.partitions[number].delete(before: offset)
    let beginning = log(of: partition)?.beginning ?? 0
    if beginning == old.beginning { return }
    let readers = clients.indices.flatMap { id in
      clients[id].isGone || isKilled(id)
        ? []
        : clients[id].lanes.flatMap(\.slots).filter { $0.partition == partition && $0.isHeld }
          .map(\.position)
    }
    if let slowest = readers.min() ?? committed[partition], slowest < beginning {
      notes.append(.retentionOvertook)
    }
  }

  /// The name's topic is another one from now on.
  mutating func recreate(
    _ topic: String, partitionCount: Int, because fault: FaultKind, isNoticed: Bool
  ) {
    let old = allPartitions.filter { $0.topic == topic }
    topics[topic]?.replace(partitionCount: partitionCount, because: fault)
    for partition in old { committed[partition] = nil }
    for id in clients.indices {
      for lane in clients[id].lanes.indices {
        for slot in clients[id].lanes[lane].slots.indices
        where clients[id].lanes[lane].slots[slot].partition.topic == topic {
          clients[id].lanes[lane].slots[slot].dropStrays()
          if isNoticed { clients[id].lanes[lane].slots[slot].isStopped = true }
        }
      }
    }
    if isNoticed {
      epoch += 1
      group.withdraw(old)
    }
    scheduleRebalance()
  }
}

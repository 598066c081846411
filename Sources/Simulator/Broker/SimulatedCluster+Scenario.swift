import Telemetry

/// Topics as a scenario makes, fills and destroys them, and what a checker asks afterwards.
extension SimulatedCluster {
  // MARK: - Topics

  func createTopic(_ name: String, partitionCount: Int) {
    access { state in
      precondition(state.topics[name] == nil, "a topic is created once: \(name)")
      state.topics[name] = SimulatedTopic(partitionCount: partitionCount)
      state.scheduleRebalance()
    }
  }

  /// Lets a topic have `count` partitions from now on.
  func addPartitions(_ topic: String, to count: Int) {
    access { state in
      guard let old = state.topics[topic]?.partitions.count, old < count else { return }
      state.topics[topic]?.partitions += Array(repeating: PartitionLog(), count: count - old)
      state.notes.append(.partitionsAdded)
      state.scheduleRebalance()
    }
  }

  /// Deletes a topic and creates it again: empty logs from offset 0.
  ///
  /// - Parameter isNoticed: whether clients see it while it is gone: their partitions are taken
  ///   back and given out again. Unnoticed, who holds a position goes on with it: it is lost
  ///   where it lies beyond the new end, and reads on, as a real client does, where not.
  func recreateTopic(_ topic: String, partitionCount: Int, isNoticed: Bool) {
    access { state in
      state.recreate(
        topic, partitionCount: partitionCount, because: .topicRecreated, isNoticed: isNoticed)
    }
  }

  /// Another cluster answers at the same address: another id, the same topics, empty, and a group
  /// that knows nobody.
  func replaceCluster(id: String) {
    access { state in
      state.clusterID = id
      state.isReplacementUnseen = true
      state.group.reset()
      for topic in state.topics.keys.sorted() {
        let count = state.topics[topic]?.partitions.count ?? 0
        state.recreate(
          topic, partitionCount: count, because: .clusterReplaced, isNoticed: true)
        // The cluster itself is what is noted, once.
        state.topics[topic]?.unseenFault = nil
      }
    }
  }

  // MARK: - Records

  /// Appends records; returns the offset of the first.
  @discardableResult
  func produce(_ records: [SimulatedRecord], to partition: TopicPartition) -> Int64 {
    append(records, to: partition)
  }

  /// Appends one record; returns its offset.
  @discardableResult
  func produce(_ record: SimulatedRecord, to partition: TopicPartition) -> Int64 {
    append([record], to: partition)
  }

  /// Appends an offset without a record: a transaction marker, a compacted record.
  func appendMarker(to partition: TopicPartition) { append([nil], to: partition) }

  @discardableResult
  private func append(_ entries: [SimulatedRecord?], to partition: TopicPartition) -> Int64 {
    access { state in
      let number = Int(partition.partition)
      guard let first = state.log(of: partition)?.end else {
        preconditionFailure("there is no partition \(partition) to append to")
      }
      for entry in entries { state.topics[partition.topic]?.partitions[number].append(entry) }
      return first
    }
  }

  /// Retention: offsets below `offset` are not delivered any more.
  func deleteRecords(of partition: TopicPartition, before offset: Int64) {
    access { $0.delete(before: offset, of: partition) }
  }

  // MARK: - Questions of scenario and checker

  var clusterID: String { glance { $0.clusterID } }

  /// Beginning and end of a partition; nil where there is none.
  func offsets(of partition: TopicPartition) -> Range<Int64>? {
    glance { state in state.log(of: partition).map { $0.beginning..<$0.end } }
  }

  /// Everything ever appended to the present incarnation, by offset, whether deleted or not; nil
  /// stands for a marker.
  func history(of partition: TopicPartition) -> [SimulatedRecord?] {
    glance { $0.log(of: partition)?.entries ?? [] }
  }

  /// The same of the incarnations before, oldest first.
  func formerHistories(of partition: TopicPartition) -> [[SimulatedRecord?]] {
    glance { state in
      (state.topics[partition.topic]?.former ?? []).map { logs in
        let number = Int(partition.partition)
        return logs.indices.contains(number) ? logs[number].entries : []
      }
    }
  }

  func partitionCount(of topic: String) -> Int {
    glance { $0.topics[topic]?.partitions.count ?? 0 }
  }

  /// The process that owns a partition as the group sees it.
  func owner(of partition: TopicPartition) -> Int? {
    glance { state in
      guard let member = state.group.owner(of: partition) else { return nil }
      return state.clients.last { $0.member == member }?.process
    }
  }

  /// Members of the group now.
  var memberCount: Int { glance { $0.group.memberCount } }

  /// Partitions that somebody holds and does not fetch.
  var pausedPartitions: [TopicPartition] {
    glance { state in
      let live = state.clients.indices.filter { !state.clients[$0].isGone && !state.isKilled($0) }
      return Set(live.flatMap { state.clients[$0].paused.keys }).sorted()
    }
  }

  /// The group's committed offset of a partition: what lag tools see.
  func committedOffset(of partition: TopicPartition) -> Int64? {
    glance { $0.committed[partition] }
  }
}

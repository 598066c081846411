import Base
import Decode
import Ledger
import Storage
import Telemetry

extension Lane {
  func handle(_ command: LaneCommand) {
    switch command {
    case .start(let start): take(start)
    case .forget(let topicPartitions, let done):
      for topicPartition in topicPartitions { partitions[topicPartition] = nil }
      resolveSlots()
      done.update { $0 += 1 }
    case .cut(let request): answer(request)
    case .skip(let topicPartition, let offset, let reason):
      partitions[topicPartition]?.skipGap(to: offset, reason: reason)
    case .idle(let topicPartition, let offset):
      if let partition = partitions[topicPartition] { fire(partition, idleAt: offset) }
    case .hold(let topicPartition): partitions[topicPartition]?.hold()
    case .release(let topicPartition):
      if let partition = partitions[topicPartition], partition.release() {
        refetchLater(partition)
      }
    case .stop: isStopping = true
    }
  }

  private func fire(_ partition: LanePartition, idleAt offset: Int64) {
    let mark = OutputMark(partition.output)
    partition.becomeIdle(at: offset)
    if let tap = options.tap, tap.isWanted { tap.show(TapSpan(partition: partition, mark: mark)) }
  }

  // MARK: - Start

  private func take(_ start: PartitionStart) {
    let source = sources[start.sourceIndex]
    do throws(StateError) {
      let state = try restore(start, source: source)
      partitions[start.topicPartition] = LanePartition(
        start: start, source: source, state: state,
        output: PartitionOutput(schema: source.plan.schema))
      resolveSlots()
    } catch {
      switch error {
      case .damaged(let reason):
        delegate.laneFailed(.damagedState(path: start.state?.path ?? "", reason))
      case .incompatible(let reason):
        delegate.laneFailed(.stop("cannot take up \(start.topicPartition): \(reason)"))
      }
    }
  }

  /// The state to begin with: the newest usable snapshot, else an empty one at the start.
  private func restore(
    _ start: PartitionStart, source: SourceOptions
  ) throws(StateError) -> RestoredState {
    guard let reference = start.state else {
      // What was read without ever a snapshot was read before there was anything to judge by: ours
      // come with the first entry. Of one that is damaged nobody knows; most likely it is today's.
      let isOld = start.to > start.openedAt && !start.missesState
      return StateSnapshot.empty(
        cut: start.openedAt, key: start.key, source: source,
        admission: isOld ? .none : source.admission)
    }
    return try StateSnapshot.restore(
      reference, key: start.key, source: source, storage: storage)
  }

  // MARK: - Cut

  private func answer(_ request: CutRequest) {
    let nowNanos = MonotonicClock.nowNanos()
    var cuts: [PartitionCut] = []
    var devices: [DeviceRows] = []
    for (_, partition) in partitions {
      if request.firesOpenWindows { partition.fireOpenWindows() }
      var state: StateFile?
      if partition.isStateDue(options.commit, wanted: request.wantsState, nowNanos: nowNanos) {
        state = writeState(of: partition, request)
      }
      let replacement = PartitionOutput(schema: partition.source.plan.schema)
      if let cut = partition.cut(replacement: replacement, state: state) { cuts.append(cut) }
      let rows = partition.takeDeviceRows(
        everyMillis: options.devicesEveryMillis, wanted: request.wantsState, nowNanos: nowNanos)
      if let rows { devices.append(rows) }
      if let warning = partition.takeForgettingWarning() { delegate.laneWarned(warning) }
    }
    openDates.removeAll()
    if let reload = request.reload { adopt(reload) }
    request.deliver(cuts, devices)
  }

  /// What comes behind the cut follows the new detectors.
  private func adopt(_ reload: PipelineReload) {
    for index in sources.indices { sources[index].detectors = reload.detectors[index] }
    for (_, partition) in partitions {
      let mark = OutputMark(partition.output)
      partition.reconfigure(reload.detectors[partition.sourceIndex])
      // Anomalies of detectors that are gone are closed.
      if let tap = options.tap, tap.isWanted {
        tap.show(TapSpan(partition: partition, mark: mark))
      }
    }
  }

  /// Writes a partition's state to a new file, which the committer syncs and names. When storage
  /// fails the cut goes without: the next one tries again, and the session hears of it. A state
  /// that the entry must have is then left to the committer, which can wait for space.
  private func writeState(of partition: LanePartition, _ request: CutRequest) -> StateFile? {
    var writer = ByteWriter(reserving: partition.stateByteCount)
    partition.encodeState(into: &writer)
    let bytes = writer.take()
    let path = FileNames.state(
      pipeline: options.pipeline, baseVersion: request.bases[partition.key] ?? 0,
      commitID: request.commitID, key: partition.key)
    let reference = StateReference(
      path: path, cut: partition.expected, byteCount: Int64(bytes.count),
      checksum: XXHash64.hash(bytes))
    do {
      let file = try storage.create(path)
      try file.append(bytes)
      return StateFile(reference: reference, file: file)
    } catch {
      delegate.laneWarned("cannot write the state of \(partition.topicPartition): \(error)")
      return partition.stateNeed == nil ? nil : StateFile(reference: reference, unwritten: bytes)
    }
  }
}

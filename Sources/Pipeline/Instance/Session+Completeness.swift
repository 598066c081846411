import Base
import Ledger
import Telemetry

/// `--until-caught-up`: whether everything seen at the start is committed. Control thread.
extension Session {
  /// Whether everything this instance has been given is read up to the targets: time to commit
  /// without waiting for the interval.
  func ownPartIsRead() -> Bool {
    board.update { board in
      var isRead = false
      for progress in board.progress {
        for (partition, report) in progress.partitions {
          guard let target = memory.targets?[partition] else { continue }
          if report.position < target { return false }
          isRead = true
        }
      }
      if isRead { board.commitRequested = true }
      return isRead
    }
  }

  /// Whether the chain has reached every target, by whichever instance, the open windows can be
  /// fired if they shall be, and the last commit can write the devices that their table lacks.
  func isComplete() -> Bool {
    committer.update { committer in
      do throws(CommitFailure) {
        try committer.refresh()
      } catch {
        report(error)
        return false
      }
      let state = committer.state
      var reached: [PartitionKey] = []
      for (partition, target) in memory.targets ?? [:] {
        guard let key = state.openKey(topic: partition.topic, partition: partition.partition),
          let known = state.partitions[key], known.to >= target
        else { return false }
        reached.append(key)
      }
      let needsState =
        goal == .caughtUp(firesOpenWindows: true) || committer.devicesAreBehind(of: reached)
      return !needsState || standsAt(state)
    }
  }

  /// Whether our partitions, which may be none, have been taken up and their state stands where the
  /// chain does. Before, there are no windows to fire and no devices to write, however complete the
  /// chain may be.
  private func standsAt(_ state: ChainState) -> Bool {
    let positions = board.update { board in
      board.progress.reduce(into: [TopicPartition: Int64]()) { positions, progress in
        positions.merge(progress.partitions.mapValues(\.position)) { max($0, $1) }
      }
    }
    return hasBeenAssigned
      && assignment.keys.allSatisfy { partition in
        guard let position = positions[partition], let key = keys[partition],
          let known = state.partitions[key]
        else { return false }
        return position >= known.to
      }
  }
}

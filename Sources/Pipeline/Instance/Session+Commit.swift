import Base
import Kafka
import Ledger
import Logging
import Telemetry

/// Commits: the commit thread's loop, and what one commit is made of. The last ones of a session
/// are made by the control thread, while partitions are given back.
extension Session {
  func commitLoop() {
    let options = options.commit
    while true {
      let shouldEnd = board.wait(timeoutMillis: options.intervalMillis) { board -> Bool? in
        if board.committerShouldEnd || board.failure != nil { return true }
        return board.isCommitDue(options) ? false : nil
      }
      if shouldEnd == true { return }
      board.update { $0.commitRequested = false }
      commit()
    }
  }

  /// One commit: asks the lanes for their cuts and commits them. False when it failed; the reason
  /// is on the board.
  @discardableResult
  func commit() -> Bool {
    committer.update { committer in
      let request = CutRequest(
        commitID: committer.nextCommitID(), laneCount: options.laneCount, wantsState: isDraining,
        firesOpenWindows: firesOpenWindows)
      for commands in laneCommands { commands.update { $0.append(.cut(request)) } }
      guard let cuts = request.collect(timeoutMillis: Self.laneAnswerMillis) else {
        board.update { $0.fail(.stop("a lane did not answer within a minute")) }
        return false
      }
      CrashPoint.reached(.cutTaken)
      return commit(cuts, id: request.commitID, committer)
    }
  }

  /// Tries until it works, waiting out a full disk; anything else is the session's end.
  private func commit(_ cuts: [PartitionCut], id: CommitID, _ committer: Committer) -> Bool {
    var waitMillis = 500
    let startNanos = MonotonicClock.nowNanos()
    while true {
      do throws(CommitFailure) {
        if let entry = try committer.commit(cuts, id: id) {
          commitGroupOffsets(entry)
          logCommit(entry, nanos: MonotonicClock.nowNanos() - startNanos)
        }
        return true
      } catch .noSpace(let reason) {
        log.error("commit waits for space, nothing is lost: \(reason)")
        let isEnding = board.wait(timeoutMillis: waitMillis) { board in
          board.stopRequested || board.committerShouldEnd ? true : nil
        }
        if isEnding == true {
          report(.abandoned("stopped while waiting for space"))
          return false
        }
        waitMillis = min(waitMillis * 2, 15_000)
      } catch {
        report(error)
        return false
      }
    }
  }

  /// Puts a commit's failure on the board.
  func report(_ failure: CommitFailure) {
    board.update { board in
      switch failure {
      case .conflict(let reason): board.fail(.reopen(reason))
      case .noSpace(let reason), .abandoned(let reason), .fatal(let reason):
        board.fail(.stop(reason))
      case .syncFailed(let reason): board.fail(.syncFailed(reason))
      }
    }
  }

  private func commitGroupOffsets(_ entry: LedgerEntry) {
    let positions = entry.partitions.map { move in
      (
        partition: TopicPartition(topic: move.key.topic, partition: move.key.partition),
        nextOffset: move.to
      )
    }
    do {
      try consumer?.commitGroupOffsets(positions)
    } catch {
      log.warning("group offsets are behind; only lag tools see it: \(error)")
    }
    CrashPoint.reached(.committed)
  }

  private func logCommit(_ entry: LedgerEntry, nanos: Int64) {
    func value(_ name: String) -> Int64 { entry.counters.first { $0.name == name }?.value ?? 0 }
    log.info(
      "committed",
      metadata: [
        "version": "\(entry.version)", "records": "\(value("records_read"))",
        "readings": "\(value("readings"))", "firings": "\(value("firings"))",
        "dead": "\(value("records_dead"))", "files": "\(value("files"))",
        "bytes": "\(value("file_bytes"))", "milliseconds": "\(nanos / 1_000_000)",
      ])
  }
}

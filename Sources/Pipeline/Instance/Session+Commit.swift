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
    status.commitBegan()
    defer { status.commitEnded() }
    return committer.update { committer in
      let (reload, number) = board.update { board in
        defer { board.reload = nil }
        return (board.reload, board.reloadNumber)
      }
      let request = CutRequest(
        commitID: committer.nextCommitID(), bases: committer.bases,
        laneCount: options.laneCount, wantsState: isDraining,
        firesOpenWindows: firesOpenWindows, reload: reload)
      for commands in laneCommands { commands.update { $0.append(.cut(request)) } }
      guard let cuts = request.collect(timeoutMillis: Self.laneAnswerMillis) else {
        board.update { $0.fail(.stop("a lane did not answer within a minute")) }
        return false
      }
      CrashPoint.reached(.cutTaken)
      defer { if let reload { adopt(reload, number, committer) } }
      guard commit(cuts, id: request.commitID, committer) else { return false }
      return writeDevices(request.takeDevices(), committer)
    }
  }

  /// Behind the entries that moved the partitions. The table follows from what is committed, so
  /// that only a failed sync is a reason to end: anything else is tried again at the next commit.
  private func writeDevices(_ rows: [DeviceRows], _ committer: Committer) -> Bool {
    do throws(CommitFailure) {
      try committer.writeDevices(rows)
      return true
    } catch {
      report(error)
      return false
    }
  }

  /// The lanes follow the new detectors since the cut; the entry that says so, with the state,
  /// shall not wait for the interval.
  private func adopt(_ reload: PipelineReload, _ number: Int, _ committer: Committer) {
    committer.adopt(reload)
    board.update { board in
      board.commitRequested = true
      board.reloadNumberInForce = number
    }
    log.info("detectors changed", metadata: ["config": "\(reload.configFingerprint)"])
  }

  /// Tries until it works, waiting out a full disk; anything else is the session's end.
  private func commit(_ cuts: [PartitionCut], id: CommitID, _ committer: Committer) -> Bool {
    var waitMillis = 500
    let startNanos = MonotonicClock.nowNanos()
    while true {
      do throws(CommitFailure) {
        if let report = try committer.commit(cuts, id: id) {
          commitGroupOffsets(report.entry)
          tell(report, nanos: MonotonicClock.nowNanos() - startNanos)
        }
        status.endWait(for: .diskFull)
        return true
      } catch .noSpace(let reason) {
        log.error("commit waits for space, nothing is lost: \(reason)")
        status.wait(for: .diskFull, reason)
        let isEnding = board.wait(timeoutMillis: waitMillis) { board in
          board.stopRequested || board.committerShouldEnd ? true : nil
        }
        if isEnding == true {
          status.endWait(for: .diskFull)
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
    if case .conflict = failure { status.countConflict() }
    if case .noSpace(let reason) = failure { status.wait(for: .diskFull, reason) }
    board.update { board in
      switch failure {
      case .conflict(let reason), .mustRecover(let reason): board.fail(.reopen(reason))
      case .noSpace(let reason): board.fail(.reopen(reason))
      case .abandoned(let reason), .fatal(let reason): board.fail(.stop(reason))
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

  private func tell(_ report: CommitReport, nanos: Int64) {
    status.note(report, durationNanos: nanos)
    logCommit(report.entry, nanos: nanos)
    for anomaly in report.anomalies { logStep(of: anomaly) }
    if report.furtherAnomalyCount > 0 {
      log.warning(
        "more steps of anomalies than are listed here",
        metadata: ["further": "\(report.furtherAnomalyCount)"])
    }
  }

  /// What the fleet's people want to hear: one line a step, as it is in the table.
  private func logStep(of anomaly: PipelineStatus.AnomalyNote) {
    var metadata: Logger.Metadata = [
      "id": "\(anomaly.id)", "source": "\(anomaly.source)", "device": "\(anomaly.device)",
      "detector": "\(anomaly.detector)", "severity": "\(anomaly.severity)",
      "event_time": "\(Timestamp.text(micros: anomaly.eventTimeMicros))",
      "evidence": "\(anomaly.evidence)",
    ]
    if let metric = anomaly.metric { metadata["metric"] = "\(metric)" }
    if let value = anomaly.value { metadata["value"] = "\(value)" }
    if let expected = anomaly.expected { metadata["expected"] = "\(expected)" }
    log.notice("anomaly \(anomaly.state)", metadata: metadata)
  }

  private func logCommit(_ entry: LedgerEntry, nanos: Int64) {
    func value(_ name: String) -> Int64 { entry.counters.first { $0.name == name }?.value ?? 0 }
    log.info(
      "committed",
      metadata: [
        "version": "\(entry.version)", "records": "\(value("records_read"))",
        "readings": "\(value("readings"))", "firings": "\(value("firings"))",
        "dead": "\(value("records_dead"))", "anomalies": "\(value("anomalies_opened"))",
        "files": "\(value("files"))",
        "bytes": "\(value("file_bytes"))", "milliseconds": "\(nanos / 1_000_000)",
      ])
  }
}

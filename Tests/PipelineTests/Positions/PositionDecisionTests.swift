import Kafka
import Telemetry
import Testing

@testable import Ledger
@testable import Pipeline

/// What a wish comes to, and which wishes are refused.
@Suite struct PositionDecisionTests {
  /// Two partitions of a topic at 100 and 40, with snapshots at 90 and 40, of a log 0 to 200.
  private func report(_ change: (inout PositionReport) -> Void = { _ in }) -> PositionReport {
    var report = PositionReport(pipeline: "fleet", lastVersion: 7, expectedClusterID: "a")
    report.isOfBrokers = true
    report.foundClusterID = "a"
    report.incarnations = ["telemetry": 0]
    for (number, to, cut) in [(Int32(0), Int64(100), Int64(90)), (1, 40, 40)] {
      var chain = ChainState.Partition(lastVersion: 5 + Int64(number), to: to, start: 10)
      chain.clockMicros = 7
      let kafka = OffsetRange(beginning: 0, end: 200)
      report.rows.append(
        PositionReport.Row(
          key: PartitionKey(topic: "telemetry", incarnation: 0, partition: number), chain: chain,
          stateCut: cut, kafka: kafka))
    }
    set(&report, 0, 0, 200)
    set(&report, 1, 0, 200)
    change(&report)
    return report
  }

  /// Gives a partition another log, and the fault that comes of it.
  private func set(
    _ report: inout PositionReport, _ index: Int, _ beginning: Int64, _ end: Int64
  ) {
    let kafka = OffsetRange(beginning: beginning, end: end)
    let row = report.rows[index]
    report.rows[index].kafka = kafka
    report.rows[index].fault = PositionFault.find(
      row.chain, neededFrom: row.neededFrom, kafka: kafka, witness: row.witness)
    report.ranges[row.topicPartition] = kafka
    report.partitionCounts = ["telemetry": 2]
  }

  private func text(_ wish: PositionWish, _ report: PositionReport) -> [String] {
    do {
      let decision = try PositionDecision(wish, report)
      return decision.moves.map { move in
        let gaps = move.gaps.map { "\($0.from)-\($0.to) \($0.reason) by \($0.decidedBy.rawValue)" }
        return "\(move.key) v\(move.previous) \(move.from)-\(move.to): "
          + gaps.joined(separator: ", ")
      }
        + decision.openings.map {
          "\($0.topic)#\($0.incarnation) of \($0.partitionCount) at \($0.startOffsets)"
        }
    } catch {
      return ["refused: \(error)"]
    }
  }

  private func skip(
    _ target: PositionWish.Target, partition: Int32? = 0,
    _ change: (inout PositionReport) -> Void = { _ in }
  ) -> [String] {
    text(.skip(topic: "telemetry", partition: partition, target), report(change))
  }

  // MARK: - Skipping

  @Test func `a skip names what it gives up and what it is based on`() {
    #expect(
      skip(.offset(150)) == ["telemetry[0] v5 100-150: 100-150 skipped by operator"])
    #expect(skip(.end) == ["telemetry[0] v5 100-200: 100-200 skipped by operator"])
  }

  @Test func `what Kafka no longer has is told from what it has, and from what the state needs`() {
    #expect(
      skip(.beginning) { set(&$0, 0, 120, 200) }
        == ["telemetry[0] v5 100-120: 90-100 state by operator, 100-120 retention by operator"])
    #expect(
      skip(.offset(150)) { set(&$0, 0, 120, 200) } == [
        "telemetry[0] v5 100-150: 90-100 state by operator, 100-120 retention by operator, "
          + "120-150 skipped by operator"
      ])
    #expect(
      skip(.beginning) { set(&$0, 0, 95, 200) }
        == ["telemetry[0] v5 100-100: 90-95 state by operator"])
  }

  @Test func `gaps that the chain has are not given up again`() {
    let found = skip(.beginning) { report in
      report.rows[0].chain.gaps = [OffsetGap(from: 92, to: 96, reason: OffsetGap.state)]
      set(&report, 0, 120, 200)
    }
    #expect(
      found == [
        "telemetry[0] v5 100-120: 90-92 state by operator, 96-100 state by operator, "
          + "100-120 retention by operator"
      ])
  }

  @Test func `without a partition every one that has to is moved`() {
    #expect(
      skip(.beginning, partition: nil) { set(&$0, 1, 60, 200) }
        == ["telemetry[1] v6 40-60: 40-60 retention by operator"])
    #expect(skip(.end, partition: nil).count == 2)
  }

  @Test func `a skip never goes back, beyond the end, before the beginning or nowhere`() {
    #expect(skip(.offset(99))[0].contains("would write the rows of 99 to 100 a second time"))
    #expect(skip(.offset(201))[0].contains("ends at 200, before 201"))
    #expect(
      skip(.offset(110)) { set(&$0, 0, 120, 200) }[0].contains("begins at 120, behind 110"))
    #expect(skip(.beginning) == ["refused: there is nothing to skip: no offset would be given up"])
    #expect(skip(.offset(100))[0].hasPrefix("refused: there is nothing to skip"))
    #expect(skip(.end, partition: 9)[0].contains("telemetry[9] was never opened"))
  }

  @Test func `on another topic or cluster no offset means anything`() {
    #expect(skip(.end) { set(&$0, 0, 0, 50) }[0].contains("ends at offset 50, but 100"))
    #expect(
      skip(.end) { report in
        report.rows[0].witness = .other(offset: 99)
        set(&report, 0, 0, 200)
      }[0].contains("offset 99 holds another record"))
    #expect(skip(.end) { $0.foundClusterID = "b" }[0].contains("--other-cluster"))
    #expect(
      skip(.end) { report in
        report.topicFaults = [.init(topic: "telemetry", fault: .fewerPartitions(count: 1, open: 2))]
      }[0].contains("partitions never become fewer"))
  }

  @Test func `nothing is decided without the brokers`() {
    #expect(skip(.end) { $0.isOfBrokers = false } == ["refused: the brokers must be asked first"])
  }

  // MARK: - Next incarnations

  @Test func `a re-created topic begins at its beginning, with the partitions it has`() {
    #expect(
      text(
        .recreated(topic: "telemetry"),
        report { report in
          set(&report, 0, 3, 50)
          report.partitionCounts = ["telemetry": 3]
          report.ranges[TopicPartition(topic: "telemetry", partition: 2)] = OffsetRange(
            beginning: 8, end: 9)
        }) == ["telemetry#1 of 3 at [3, 0, 8]"])
  }

  @Test func `a topic whose last record is there was not re-created`() {
    let found = text(
      .recreated(topic: "telemetry"), report { $0.rows[1].witness = .same })
    #expect(found[0].contains("was not re-created: the last committed record of telemetry[1]"))
    #expect(text(.recreated(topic: "other"), report())[0].contains("was never opened"))
    #expect(
      text(.recreated(topic: "telemetry"), report { $0.partitionCounts = [:] })[0]
        .contains("know no such topic"))
  }

  @Test func `a truncated topic goes on where each partition stands`() {
    #expect(
      text(.truncated(topic: "telemetry"), report { set(&$0, 0, 0, 95) })
        == ["telemetry#1 of 2 at [95, 40]"])
    #expect(
      text(.truncated(topic: "telemetry"), report())[0].contains("was not truncated"))
    let other = text(
      .truncated(topic: "telemetry"),
      report { report in
        set(&report, 0, 0, 95)
        report.rows[1].witness = .other(offset: 39)
        set(&report, 1, 0, 200)
      })
    #expect(other[0].contains("offset 39 holds another record"))
    let lossy = text(
      .truncated(topic: "telemetry"),
      report { report in
        set(&report, 0, 0, 95)
        set(&report, 1, 60, 200)
      })
    #expect(lossy[0].contains("offsets 40 to 60 were deleted"))
  }

  @Test func `another cluster renews every topic, also those it does not have`() {
    let wished = report { report in
      report.foundClusterID = "b"
      report.incarnations["gone"] = 2
    }
    #expect(
      text(.otherCluster, wished) == ["gone#3 of 0 at []", "telemetry#1 of 2 at [0, 0]"])
    #expect(text(.otherCluster, report())[0].contains("nothing to accept"))
  }

  @Test func `the end of an incarnation is a row without an end`() throws {
    let decision = try PositionDecision(
      .recreated(topic: "telemetry"), report { set(&$0, 0, 0, 50) })
    let rows = decision.gapRows.map { row in
      "\(row.key) \(row.from) \(row.to.map { "\($0)" } ?? "open") \(row.reason) "
        + row.decidedBy.column
    }
    #expect(
      rows == [
        "telemetry[0] 100 open recreated operator", "telemetry[1] 40 open recreated operator",
      ])
    #expect(decision.baseVersion == 6)
  }
}

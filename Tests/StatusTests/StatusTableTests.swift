import Base
import Testing

@testable import Pipeline
@testable import Status

@Suite struct StatusTableTests {
  private func text(_ status: PipelineStatus) -> String {
    StatusTable.text(StatusDocument.value(Example.view(status)))
  }

  @Test func `a ready instance`() {
    #expect(
      text(Example.busy()) == """
        fleet · downlinkd 0.1.0 · running for 1 min 0 s
        ready: 2 partitions, 340 records behind

        phase          running for 50.0 s
        behind         340 records, 1.5 s
        last commit    2.5 s ago, ledger version 41, took 0.120 s, 100 records, 244.1 KiB
        commits        9, 1 lost to another instance
        records        1 000 read, 3 dead
        readings       4 000, 7 late, 2 too late
        window rows    120, 4 again
        anomalies      1 open: 1 too_hot critical
        memory         47.7 MiB, state 156.3 KiB, buffers 17.6 KiB
        group          up, 2 rebalances, 1 session
        brokers        kafka-1:9092/1 UP (0.002 s), kafka-2:9092/2 DOWN
        last reload    refused at 2026-11-21T07:31:30.000000Z: kafka.brokers cannot change

        partition     lane  next  committed   end  behind       by             watermark  \
        devices     state  buffers
        telemetry[0]     0  5000       4900  5000       0  0.000 s  2026-11-21T07:31:26Z  \
             12  78.1 KiB  8.8 KiB
        telemetry[1]     1  5000       4900  5340     340    1.5 s  2026-11-21T07:31:26Z  \
             12  78.1 KiB  8.8 KiB  paused

        source  times             first met  unknown to the schema
        buses   1 200  telemetry[1] at 4711  fleet.Report, field 21
        buses       2  telemetry[1] at 4711  fleet.Report.mode, number 9
        buses       4  telemetry[1] at 4711  fleet.Report.place, wire type 2
        others      1

        """)
  }

  @Test func `an instance that is not ready says why`() {
    var status = Example.fresh()
    status.phase = .running
    status.wait = .init(
      cause: .brokersAway, sinceMicros: Example.now - Example.second(3), detail: "kafka-1 DOWN")
    status.stall = "waiting for a broker that answers for 1801 s"
    let text = text(status)
    #expect(text.contains("\nNOT READY: not progressing (running): waiting for a broker"))
    #expect(text.contains("\nwaits for      brokers_away for 3.0 s: kafka-1 DOWN\n"))
    #expect(text.contains("\nlast commit    none yet\n"))
    #expect(!text.contains("partition "))
    #expect(!StatusTable.isReady(StatusDocument.value(status)))
  }

  @Test func `drift is a short table`() {
    var status = Example.fresh()
    #expect(!text(status).contains("unknown to the schema"))
    status.drift = Example.drift()
    status.drift[0].found = (1...30).map {
      Example.finding($0, name: nil, number: nil, count: 1000)
    }
    let lines = text(status).split(separator: "\n")
    #expect(lines.count { $0.contains("fleet.Report, field") } == 20)
    #expect(lines.last == "others  10 001")
  }

  @Test func `whatever answers, the terminal is not steered`() {
    let hostile: JSONValue = [
      "pipeline": "\u{1B}]0;x\u{7}", "reason": "\u{202E}", "ready": false, "phase": "a\nb",
      "partitions": [["topic": "\u{9B}2J", "partition": 0]],
    ]
    let text = StatusTable.text(hostile)
    for scalar in text.unicodeScalars where scalar != "\n" {
      #expect(PlainText.visible(String(scalar)) == String(scalar), "\(scalar.value)")
    }
    #expect(text.contains("phase          a\\u{A}b\n"))
    #expect(text.contains("\\u{9B}2J[0]"))
  }

  @Test(arguments: ["{}", "[]", "null", #"{"partitions":[{}],"commits":{},"brokers":[1]}"#])
  func `what is missing is left out`(_ document: String) throws {
    let text = StatusTable.text(try JSONValue(parsing: document))
    #expect(text.contains("NOT READY: no reason given"))
  }
}

/// What the demonstration says at its turns.
enum DemoText {
  /// What it is, where everything lies, and what will go wrong on purpose.
  static func opening(
    _ plan: DemoPlan, _ faults: [InjectedFault], folder: DemoFolder, brokers: String, httpPort: Int
  ) -> [String] {
    let rate = Figure.decimal(plan.recordRate)
    let pace = Figure.decimal(plan.speedUp / 60)
    var lines = [
      "downlinkd demo: \(StepText.span(plan.lengthMicros)) of a fleet in \(plan.seconds) s",
      "",
      "folder     \(folder.path)  (stays; configuration, log and tables are in it)",
      "broker     \(brokers), in this process, in memory",
      "fleet      \(plan.deviceCount) satellites, seed \(plan.seed): a reading a minute each, "
        + "\(pace) min a second, \(rate) records/s;",
      "           three of ten are heard once an orbit and send then what they stored",
      "pipeline   downlinkd run --config \(folder.configuration)",
      "           http://127.0.0.1:\(httpPort)/  (/status, /metrics)",
      "",
      "These faults are injected:",
    ]
    for fault in faults {
      lines.append(
        "  \(StepText.time(fault.startMicros))  \(DemoNames.device(fault.device))  "
          + fault.kind.sentence + (fault.isHeardInPasses ? " (in passes)" : ""))
    }
    return lines + ["", "Control-C ends it in order at any moment.", ""]
  }

  static func killing(_ id: Int32, version: Int64) -> [String] {
    [
      "",
      "Half is sent. Now the pipeline's process \(id) is killed (SIGKILL), on purpose.",
      "The last commit it told of is version \(version). Broker and fleet go on.",
    ]
  }

  static func restarted(_ id: Int32, _ ending: ProcessEnding, newID: Int32) -> [String] {
    [
      "The pipeline's process \(id) \(ending). It is started again as \(newID);",
      "Kafka lets it in when it has missed the old one.",
      "",
    ]
  }

  static func failed(_ reason: String, tail: [String], log: String) -> [String] {
    ["", "The demonstration failed: \(reason)."] + tail.map { "  " + $0 }
      + ["Its log is \(log)", ""]
  }
}

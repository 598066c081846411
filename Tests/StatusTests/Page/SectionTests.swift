import Testing

@testable import Pipeline
@testable import Status

@Suite struct AnomaliesSectionTests {
  private func anomaly(
    _ id: String, _ severity: String = "warning", ago: Double = 10, rule: String = "limits",
    evidence: String = #"{"kind":"limits","worst":95.25}"#, device: String = "sat-1"
  ) -> PipelineStatus.OpenAnomaly {
    .init(
      id: id, source: "buses", device: device, metric: "temperature", detector: "too_hot",
      rule: rule, severity: severity, openedAtMicros: Example.now - Example.second(ago),
      value: 91.5, expected: 20, evidence: evidence)
  }

  private func view(
    _ open: [PipelineStatus.OpenAnomaly], count: Int? = nil, plots: [String: [PlotPoint]] = [:]
  ) -> StatusView {
    var status = Example.busy()
    status.openDetails = open
    status.openAnomalies[0].count = count ?? open.count
    return StatusView(status, plots: plots)
  }

  @Test func `an open anomaly is shown with what it is about`() {
    let points = (0..<10).map {
      PlotPoint(at: Example.now - Int64(9 - $0) * 60_000_000, 20, low: 18, high: 22)
    }
    let text = AnomaliesSection.markup(view([anomaly("a1")], plots: ["a1": points])).text
    #expect(text.contains(#"<li id="a-a1" class="card warning">"#))
    #expect(text.contains("<b>91.5</b> limit 20"))
    #expect(text.contains("<dt>worst</dt><dd>95.25</dd>"))
    #expect(text.contains("Windows of temperature around the opening: 10 windows between 18 and "))
    #expect(text.contains("opened <time datetime=\"2026-11-21T07:31:50Z\">07:31:50</time>"))
  }

  @Test func `many are summed up in words`() {
    let open = (0..<200).map { anomaly("a\($0)", device: "sat-\($0)") }
    let text = AnomaliesSection.markup(view(open, count: 1234)).text
    #expect(text.components(of: #"<li id="a-"#).count == AnomaliesSection.shownMax + 1)
    #expect(text.contains("1 234 open in all, silence included: 1 234 critical of too_hot (bus"))
  }

  @Test func `none is said in words`() {
    let text = AnomaliesSection.markup(view([], count: 0)).text
    #expect(text.contains("None: every series that is watched is as usual."))
    #expect(text.contains("None that a detector watches for."))
    // Known by count only: the lane has not said more yet.
    let counted = AnomaliesSection.markup(view([], count: 3)).text
    #expect(counted.contains("3 open: 3 critical of too_hot (buses)."))
  }

  @Test func `silence has a list of its own, the longest first`() {
    let heard = #"{"kind":"silence","last_heard":"2026-11-21T07:02:00.000000Z"}"#
    let many = #"{"kind":"silence_summary","devices":91}"#
    let open = [
      anomaly("a"), anomaly("s2", ago: 60, rule: "silence", evidence: many, device: ""),
      anomaly("s1", ago: 1800, rule: "silence", evidence: heard, device: "sat-9"),
    ]
    let text = AnomaliesSection.markup(view(open)).text
    #expect(text.components(of: #"<li id="a-"#).count == 2)
    #expect(text.contains(">sat-9</th><td><time datetime=\"2026-11-21T07:02:00Z\">07:02:00</time>"))
    #expect(text.contains("<td>30 min 0 s</td>"))
    #expect(text.contains("91 devices in the same minute"))
    let place = { (word: String) in text.components(of: word)[0].count }
    #expect(place("sat-9") < place("in the same minute"))
    let crowd = (0..<100).map { anomaly("s\($0)", rule: "silence", evidence: heard) }
    let crowded = AnomaliesSection.markup(view(crowd)).text
    #expect(crowded.contains("and 60 more."))
  }

  @Test func `a device may be called anything`() {
    let text = AnomaliesSection.markup(view([anomaly("a", device: Example.hostileDevice)])).text
    #expect(text.contains("&lt;/td&gt;&lt;script&gt;"))
    #expect(!text.contains("<script"))
  }
}

@Suite struct FactSectionsTests {
  @Test func `partitions say how far behind they are`() {
    let text = FactSections.partitions(Example.busy()).text
    #expect(text.contains(#"<th scope="row" class="t">telemetry[1]</th>"#))
    #expect(text.contains(#"<rect width="40" height="8"/></svg>340</td>"#))
    #expect(text.contains("<td>34 s</td>"))
    #expect(text.contains("held back"))
    #expect(text.contains("<caption>Partitions of this instance"))
  }

  @Test func `of very many partitions those furthest behind are shown`() {
    let text = FactSections.partitions(Example.big(partitionCount: 256)).text
    #expect(text.components(of: "<tr>").count == FactSections.partitionShownMax + 2)
    #expect(text.contains("The 64 furthest behind of 256. The other 192: none more than 192 behi"))
    #expect(!text.contains("telemetry[191]<") && text.contains("telemetry[192]<"))
  }

  @Test func `what nobody knows is a dash`() {
    var status = Example.fresh()
    status.partitions = [
      .init(topicPartition: Example.partition(7, behind: 0).topicPartition, incarnation: 0, lane: 0)
    ]
    let text = FactSections.partitions(status).text
    #expect(text.contains("telemetry[7]</th><td>–</td><td>–</td><td>–</td><td>–</td>"))
  }

  @Test func `commits are listed, the newest first`() {
    var status = Example.busy()
    status.recentCommits = (0..<60).map { (number: Int64) in
      var commit = status.recentCommits[0]
      commit.version = number
      return commit
    }
    let text = FactSections.commits(status).text
    #expect(text.components(of: "<tr>").count == FactSections.commitShownMax + 2)
    #expect(text.components(of: ">59</th>")[0].count < text.components(of: ">58</th>")[0].count)
    #expect(text.contains("9 commits since the start; 1 lost to another instance."))
  }

  @Test func `dead letters by reason, the most frequent first`() {
    let text = FactSections.deadLetters(Example.view(Example.busy())).text
    #expect(text.contains(#"truncated</th><td>2</td>"#))
    #expect(text.components(of: "truncated")[0].count < text.components(of: "de\\vice")[0].count)
    #expect(text.contains("1 of them in the last 15 min."))
    #expect(text.contains("too late</th><td>2</td>"))
    #expect(!text.contains("in the future"))
    var status = Example.busy()
    status.labelledTotals = (0..<40).map {
      .init(name: "dead_letters", labels: [.init("reason", "r\($0)")], value: 2)
    }
    let many = FactSections.deadLetters(StatusView(status)).text
    #expect(many.contains("32 more, of 16 other reasons."))
    status.labelledTotals = []
    #expect(FactSections.deadLetters(StatusView(status)).text.contains("every record could be"))
  }

  @Test func `drift says what, where and how often`() {
    let text = FactSections.drift(Example.busy()).text
    #expect(text.contains("fleet.Report has the unknown field 21</th><td class=\"t\">buses</td>"))
    #expect(text.contains("telemetry[1] at 4 711"))
    #expect(text.contains("<code>0001020304050607…</code>"))
    #expect(text.contains("1 times others"))
    #expect(FactSections.drift(Example.fresh()).text.contains("have nothing that their schema"))
  }

  @Test func `tables and their sizes`() {
    let size = TableSize(
      name: "readings_buses", version: 7, fileCount: 12, byteCount: 3 << 20, rowCount: 12_345)
    let text = FactSections.tables([size]).text
    #expect(text.contains("readings_buses</th><td>12 345</td><td>3.0 MiB</td><td>12</td>"))
    #expect(FactSections.tables([]).text.contains("Not known yet."))
    var table = PipelineStatus.Table(name: "windows")
    table.trouble = "windows/_delta_log is damaged"
    let unread = FactSections.tables([TableSize(table)]).text
    #expect(unread.contains("windows</th><td>–</td>"))
    #expect(unread.contains("windows cannot be read: windows/_delta_log is damaged"))
  }

  @Test func `the instance and what it stands on`() {
    let text = InstanceSection.markup(Example.view(Example.busy())).text
    #expect(text.contains("<dt>Alerts to pager</dt><dd>12 steps sent, 4 steps waiting, the oldest"))
    #expect(text.contains("; alerts wait: it answered 503: &quot;busy&quot;</dd>"))
    #expect(text.contains("<dt>Alerts to standby</dt><dd>sent by another instance</dd>"))
    #expect(text.contains("<strong>refused</strong> at"))
    #expect(text.contains("kafka.brokers cannot change"))
    #expect(text.contains("kafka-1:9092/1</th><td class=\"t\">UP</td><td>0.002 s</td>"))
    #expect(text.contains("14 threads, 40 of 1 024 file descriptors"))
    #expect(text.contains("3 schemas known, 2 failed requests"))
    let fresh = InstanceSection.markup(StatusView(Example.fresh())).text
    #expect(fresh.contains("none since the start") && fresh.contains("No broker has been met yet."))
  }
}

@Suite struct DialSectionsTests {
  @Test func `each says how it is now and how it was`() {
    let text = DialSections.markup(Example.view(Example.busy())).text
    #expect(text.contains("<b>120</b> records/s"))
    #expect(text.contains("now 120, least 120, most 120"))
    #expect(text.contains("4.0 KiB/s from the brokers; 4 000 readings committed"))
    #expect(text.contains("<b>340</b> records"))
    #expect(text.contains("<b>34 s</b>"))
    #expect(text.contains("How long the newest 1 commit took: 0.120 s at most"))
    #expect(text.contains("p95"))
  }

  @Test func `in the first seconds it says so`() {
    let text = DialSections.markup(StatusView(Example.fresh())).text
    #expect(text.components(of: " not known yet</span>").count == 6)
    #expect(text.components(of: "A line follows after some seconds.").count == 4)
  }
}

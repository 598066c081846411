import Config
import Decode
import Detectors
import Telemetry
import Testing
import Windows

@testable import Pipeline
@testable import downlinkd

@Suite struct ReloadDecisionTests {
  private let folder = TemporaryFolder()

  private static let sources = """
    sources:
      - {name: one, topics: [one], message: fleet.telemetry.v1.DeviceTelemetry,
         device: device_id, time: {field: time_unix_ms, unit: ms},
         sequence: sequence, metrics: all}
      - {name: two, topics: [two], message: fleet.telemetry.v1.DeviceTelemetry,
         device: device_id, time: {field: time_unix_ms, unit: ms},
         sequence: sequence, metrics: all}
    """

  private static let reversedSources = """
    sources:
      - {name: two, topics: [two], message: fleet.telemetry.v1.DeviceTelemetry,
         device: device_id, time: {field: time_unix_ms, unit: ms},
         sequence: sequence, metrics: all}
      - {name: one, topics: [one], message: fleet.telemetry.v1.DeviceTelemetry,
         device: device_id, time: {field: time_unix_ms, unit: ms},
         sequence: sequence, metrics: all}
    """

  private static let file = """
    pipeline: test
    kafka: {brokers: ["127.0.0.1:9092"]}
    \(sources)
    windows: [{name: 1m, size: 1m}]
    detectors:
      - {name: hot, source: one, metric: cpu_temperature_c, limits: {critical: {above: 80}}}
    storage: {root: ./data}
    log: {level: info}
    """

  /// The outcome of writing `text` over the file that runs.
  private func decide(
    _ text: String, obstacles: (PipelineOptions) -> [String] = { _ in [] }
  ) throws -> ReloadDecision {
    let path = folder.write(Self.file, as: "downlinkd.yaml")
    let running = try Configuration.load(file: path, environment: [:])
    _ = folder.write(text, as: "downlinkd.yaml")
    return ReloadDecision.about(
      file: path, running: running, sources: ["one", "two"], environment: [:],
      obstacles: obstacles)
  }

  private func changed(_ old: String, to new: String) -> String {
    let parts = Self.file.split(separator: old, omittingEmptySubsequences: false)
    precondition(parts.count == 2, "`\(old)` does not stand in the file exactly once")
    return parts.joined(separator: new)
  }

  private func reasons(_ decision: ReloadDecision) -> [String]? {
    if case .refused(let reasons) = decision { reasons } else { nil }
  }

  @Test func `a level and a limit are taken over, and the reload carries the new limit`() throws {
    let text = changed("above: 80", to: "above: 90").replacing("level: info", with: "level: debug")
    guard case .accepted(let configuration, let change, let reload) = try decide(text) else {
      Issue.record("refused")
      return
    }
    #expect(configuration.log.level == .debug)
    #expect(change.changesDetectors && change.changesLogLevel)
    #expect(reload.configFingerprint == configuration.fingerprint)
    #expect(reload.detectors.map(\.count) == [1, 0])
    #expect(reload.detectors[0].first?.name == "hot")
  }

  @Test func `detectors go to their source, whatever the file's order of sources`() throws {
    let text = changed(Self.sources, to: Self.reversedSources)
      .replacing("above: 80", with: "above: 90")
    guard case .accepted(_, _, let reload) = try decide(text) else {
      Issue.record("refused: \(try reasons(decide(text)) ?? [])")
      return
    }
    #expect(reload.detectors.map(\.count) == [1, 0])
  }

  @Test func `the same file is accepted and changes nothing`() throws {
    guard case .accepted(_, let change, _) = try decide(Self.file) else {
      Issue.record("refused")
      return
    }
    #expect(change.isEmpty && change.summary == "nothing changed")
  }

  @Test func `what takes another session carries all, sources in the running order`() throws {
    let text = changed(Self.sources, to: Self.reversedSources)
      .replacing("log: {level: info}", with: "event_time: {device_idle: 3h}")
    guard case .accepted(_, let change, let reload) = try decide(text) else {
      Issue.record("refused: \(try reasons(decide(text)) ?? [])")
      return
    }
    #expect(change.reopens)
    let options = try #require(reload.reopening)
    #expect(options.sources.map(\.plan.schema.source) == ["one", "two"])
    #expect(options.sources.map(\.detectors.count) == [1, 0])
    #expect(options.sources.map(\.eventTime.deviceIdleMicros) == [10_800_000_000, 10_800_000_000])
    #expect(options.configFingerprint == reload.configFingerprint)
  }

  @Test func `what tables and state say against a change refuses it`() throws {
    let text = changed("log: {level: info}", to: "event_time: {device_idle: 3h}")
    #expect(try reasons(decide(text) { _ in ["a column"] }) == ["a column"])
    // What needs no other session is none of their business.
    let limit = changed("above: 80", to: "above: 90")
    #expect(try reasons(decide(limit) { _ in ["a column"] }) == nil)
  }

  @Test func `one change that cannot be live refuses the whole file, with that reason`() throws {
    let text = changed("above: 80", to: "above: 90").replacing("size: 1m", with: "size: 2m")
    let reasons = try #require(try reasons(decide(text)))
    #expect(reasons.contains { $0.hasPrefix("windows[1m]") })
    #expect(!reasons.contains { $0.contains("detectors") })
  }

  @Test func `every fault of a file is a reason, in one line, with its place`() throws {
    let text = changed("level: info", to: "level: loud").replacing("size: 1m", with: "size: soon")
    let reasons = try #require(try reasons(decide(text)))
    #expect(reasons.count == 2)
    for (reason, key) in zip(reasons, ["windows[0].size", "log.level"]) {
      #expect(reason.contains("downlinkd.yaml:") && reason.contains(key))
      #expect(!reason.contains("\n"))
    }
  }

  @Test(arguments: ["", "pipeline: [", "\u{1}", "- a list"])
  func `a file that is none is refused`(text: String) throws {
    #expect(try reasons(decide(text))?.isEmpty == false)
  }

  @Test func `a file that is gone is refused`() throws {
    let path = folder.write(Self.file, as: "running.yaml")
    let running = try Configuration.load(file: path, environment: [:])
    let decision = ReloadDecision.about(
      file: path + ".gone", running: running, sources: ["one", "two"], environment: [:],
      obstacles: { _ in [] })
    #expect(reasons(decision)?.count == 1)
  }

  @Test func `what only the wiring knows refuses too: a metric that nobody has`() throws {
    let text = changed("cpu_temperature_c", to: "cpu_temprature_c")
    let reasons = try #require(try reasons(decide(text)))
    #expect(reasons.count == 1 && reasons[0].contains("detectors[0].metric"))
  }
}

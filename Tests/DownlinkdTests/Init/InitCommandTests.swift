import ArgumentParser
import Config
import Foundation
import Testing

@testable import downlinkd

/// What `init` makes of options and answers.
@Suite struct InitCommandTests {
  private let mapped = [
    "--message", "fleet.telemetry.v1.DeviceTelemetry", "--device", "device_id", "--time",
    "time_unix_ms=ms",
  ]

  private func text(_ arguments: [String], answers: [String]? = nil) throws -> String {
    let command = try #require(try InitCommand.parseAsRoot(arguments) as? InitCommand)
    var lines = answers ?? []
    let dialogue = answers.map { _ in
      InitDialogue(show: { _ in }, nextLine: { lines.isEmpty ? nil : lines.removeFirst() })
    }
    return try command.answers(dialogue).text
  }

  private func read(_ text: String, _ environment: [String: String] = [:]) throws -> Configuration {
    let configuration = try Configuration.parse(
      Array(text.utf8), file: "/etc/downlinkd/x.yaml", environment: environment)
    _ = try Wiring(configuration)
    return configuration
  }

  @Test func `options alone make a configuration that fits`() throws {
    let found = try text(["--brokers", "a:1, b:2", "--topic", "My.Topic-1"] + mapped)
    let configuration = try read(found)
    #expect(configuration.kafka.brokers == ["a:1", "b:2"])
    #expect(configuration.pipeline == "my_topic_1")
    #expect(configuration.sources[0].topics == ["My.Topic-1"])
    #expect(configuration.sources[0].sequence == "sequence")
    #expect(configuration.storage.root == "/etc/downlinkd/data")
    #expect(found.contains("# downlinkd: a first configuration"))
  }

  @Test func `whatever options hold stays what it is`() throws {
    let found = try text(
      [
        "--brokers", "${BROKERS:-k:9092}", "--topic", "t", "--pipeline", "p-2", "--root",
        "/srv/a b: c #", "--sequence", "sequence", "--attribute", "region", "--attribute", "$key",
        "-X", "sasl.mechanism=PLAIN", "-X", "sasl.password=${PASSWORD}",
        "-X", "client.rack=a \"b\" #",
      ] + mapped)
    let configuration = try read(found, ["PASSWORD": "hunter2"])
    #expect(configuration.kafka.brokers == ["k:9092"])
    #expect(configuration.pipeline == "p-2")
    #expect(configuration.storage.root == "/srv/a b: c #")
    #expect(configuration.sources[0].attributes.map(\.field) == ["region", "$key"])
    #expect(configuration.kafka.properties.map(\.value) == ["PLAIN", "hunter2", "a \"b\" #"])
    #expect(!found.contains("hunter2"))
  }

  @Test func `a person answers what no option says`() throws {
    // Nobody listens there, so that the source is asked for.
    let found = try text(
      ["--brokers", "127.0.0.1:1"],
      answers: ["", "telemetry", "", "", "", "", "", "/srv/d"])
    let configuration = try read(found)
    #expect(configuration.sources[0].topics == ["telemetry"])
    #expect(configuration.sources[0].message == "fleet.telemetry.v1.DeviceTelemetry")
    #expect(configuration.sources[0].time.unit == .millis)
    #expect(configuration.storage.root == "/srv/d")
  }

  @Test func `a person who goes away leaves nothing`() {
    #expect(throws: InitDialogue.Ended.self) { try text([], answers: ["a:1"]) }
  }

  @Test(arguments: [
    ["--device", "d"], ["--device", "d", "--time", "t"], ["--time", "t=ms", "--message", "M"],
    ["--sequence", "s"], ["--attribute", "a"], ["--descriptor-set", "a", "--protos", "b"],
    ["-X", "sasl.password=hunter2"], ["-X", "ssl.key.pem=x"], ["--time", "=ms"],
  ])
  func `options that do not go together are refused`(arguments: [String]) {
    do {
      _ = try InitCommand.parseAsRoot(arguments)
      Issue.record("they were taken")
    } catch {
      #expect(!InitCommand.message(for: error).contains("hunter2"))
      #expect(InitCommand.exitCode(for: error) == .validationFailure)
    }
  }

  @Test func `without a terminal what is missing is said`() {
    #expect(throws: ExitCode.self) { try text(["--topic", "t"]) }
  }
}

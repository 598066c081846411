import ArgumentParser
import Testing

@testable import downlinkd

@Suite struct ProduceCommandTests {
  private static let csv = [
    "--brokers", "h:1", "--csv", "f", "--device-column", "d", "--time-column", "t",
  ]

  @Test(arguments: [
    csv, csv + ["--record-per", "device-day", "--set", "region=eu", "--metric", "a=b=c"],
    csv + ["--message", "wide", "--record-per", "row", "--delimiter", "tab"],
    ["--fleet", "5", "--count", "3", "--dry-run"],
    ["--brokers", "h:1", "--fleet", "5", "--speed-up", "60", "-X", "acks=1", "-X", "linger.ms=1"],
    ["--brokers", "h:1", "--fleet", "5", "--seconds", "0.5", "--start-time", "now"],
  ])
  func `sensible command lines are accepted`(words: [String]) {
    #expect(throws: Never.self) { try ProduceCommand.parse(words) }
  }

  @Test(arguments: [
    [], ["--brokers", "h:1"], csv + ["--fleet", "3"], ["--fleet", "3", "--count", "1"],
    ["--brokers", "h:1", "--fleet", "3"], ["--brokers", "h:1", "--fleet", "0", "--count", "1"],
    csv + ["--rate", "1", "--speed-up", "1"], csv + ["--rate", "0"], csv + ["--count", "0"],
    csv + ["--message", "wide", "--record-per", "file"], csv + ["--set", "colour=red"],
    csv + ["--message", "wide", "--set", "model=a"], csv + ["--attribute", "c=colour"],
    csv + ["--rows-per-record", "2", "--record-per", "row"], csv + ["--rows-per-record", "0"],
    csv + ["--metric", "a", "--metric", "b=a"], csv + ["--delimiter", "\""],
    csv + ["-X", "bootstrap.servers=x"], csv + ["-X", "no.such=1"], csv + ["-X", "acks"],
    csv + ["--record-log", "l", "-X", "enable.idempotence=false"],
    csv + ["--compression", "brotli"], ["--brokers", "h:1", "--csv", "f", "--time-column", "t"],
    ["--brokers", "h:1", "--fleet", "3", "--count", "1", "--bad-share", "2"],
    ["--brokers", "h:1", "--fleet", "3", "--count", "1", "--period", "1us"],
  ])
  func `contradictions end with exit code 64`(words: [String]) {
    let error = #expect(throws: (any Error).self) { try ProduceCommand.parse(words) }
    if let error { #expect(ProduceCommand.exitCode(for: error).rawValue == 64, "\(error)") }
  }

  @Test func `topics of the broker are named and sized`() throws {
    let topic = TopicArgument(name: "a.b-c_1", partitionCount: 3)
    #expect(TopicArgument(argument: "a.b-c_1:3") == topic)
    for text in ["a", "a:", ":3", "a:0", "a:3:4", "a/b:3", "..:3", "a:-1"] {
      #expect(TopicArgument(argument: text) == nil, "\(text)")
    }
    #expect(try BrokerCommand.parse([]).topic.map(\.name) == ["telemetry"])
    let several = try BrokerCommand.parse(["--topic", "a:1", "--topic", "b:2"])
    #expect(several.topic.map(\.partitionCount) == [1, 2])
    for words in [["--topic", "a:1", "--topic", "a:2"], ["--brokers", "0"]] {
      #expect(throws: (any Error).self) { try BrokerCommand.parse(words) }
    }
  }

  @Test func `the port file appears whole`() {
    let folder = TemporaryFolder()
    #expect(PortFile.write("127.0.0.1:9092", to: folder.file("port")) == nil)
    #expect(folder.read("port") == "127.0.0.1:9092\n")
    #expect(PortFile.write("x", to: folder.path + "/none/port")?.contains("none/port") == true)
  }

  @Test func `figures are written for people`() {
    #expect(Figure.count(1_234_567) == "1,234,567" && Figure.count(-999) == "-999")
    #expect(Figure.count(1, "row") == "1 row" && Figure.count(1000, "row") == "1,000 rows")
    #expect(Figure.decimal(1.05) == "1.05" && Figure.decimal(12.34) == "12.3")
    #expect(Figure.decimal(9.999) == "10.00" && Figure.decimal(4321.6) == "4,322")
    #expect(Figure.bytes(999) == "999 bytes" && Figure.bytes(12_900_000) == "12.9 MB")
  }
}

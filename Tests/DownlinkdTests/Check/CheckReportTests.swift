import Base
import Config
import Foundation
import Testing

@testable import downlinkd

/// What `check --connect` makes of its findings, and the trials that need no Kafka.
@Suite struct CheckReportTests {
  private let fine = CheckFinding.ok("kafka.brokers", "they answer")
  private let odd = CheckFinding.warning("http.listen", "in use", advice: "look")
  private let denied = CheckFinding.fault("kafka.group", .outside, "denied", advice: "ask")
  private let unfit = CheckFinding.fault("sources[0].topics", .configuration, "none", advice: nil)

  @Test func `the exit code is that of the gravest finding`() {
    func code(_ findings: CheckFinding...) -> Int32 {
      CheckReport(file: "f", findings: findings).exitCode
    }
    #expect(code() == 0)
    #expect(code(fine, odd) == 0)
    #expect(code(fine, denied) == 69)
    #expect(code(denied, unfit, odd) == 78)
  }

  @Test func `every finding is a line, with what to do below it`() {
    let report = CheckReport(file: "f", findings: [fine, odd, denied, unfit])
    #expect(
      report.text == """
        ok       kafka.brokers: they answer
        warning  http.listen: in use
                 → look
        fault    kafka.group: denied
                 → ask
        fault    sources[0].topics: none
        2 faults, 1 warning

        """)
    #expect(CheckReport(file: "f", findings: [fine]).text.hasSuffix("\nall is well\n"))
  }

  @Test func `programs get the same as JSON`() throws {
    let json = CheckReport(file: "a.yaml", findings: [fine, denied]).json
    #expect(json["exit_code"]?.int64Value == 69)
    #expect(json["faults"]?.int64Value == 1 && json["warnings"]?.int64Value == 0)
    let second = try #require(json["findings"]?.arrayValue?.last)
    #expect(second["level"]?.stringValue == "fault")
    #expect(second["key"]?.stringValue == "kafka.group")
    #expect(second["cause"]?.stringValue == "outside")
    #expect(try JSONValue(parsing: json.text) == json)
  }

  // MARK: - The root

  private func temporaryFolder() throws -> String {
    let path = NSTemporaryDirectory() + "downlink-check-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  @Test func `a root is tried and nothing is left of it`() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let there = StorageTrial(root: folder, pipeline: "fleet").findings()
    #expect(there[0].level == .ok && there[0].sentence.contains("can be written"))
    #expect(there[1].sentence.contains("are free there"))
    let absent = StorageTrial(root: folder + "/a/b/c", pipeline: "fleet").findings()
    #expect(absent[0].level == .ok && absent[0].sentence.contains("is not there yet"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
  }

  @Test func `a root that cannot be is a fault of the configuration`() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try "".write(toFile: folder + "/file", atomically: true, encoding: .utf8)
    for root in [folder + "/file/data", folder + "/file"] {
      let found = try #require(StorageTrial(root: root, pipeline: "fleet").findings().first)
      #expect(found.level == .fault && found.cause == .configuration, "\(found)")
      #expect(found.sentence.contains(root))
      #expect(found.advice != nil)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["file"])
  }

  @Test func `little room is a warning`() {
    #expect(StorageTrial.finding(freeByteCount: 1 << 29).level == .warning)
    let plenty = StorageTrial.finding(freeByteCount: 66_000_000_000)
    #expect(plenty.level == .ok && plenty.sentence.hasPrefix("66 GB are free"))
  }

  // MARK: - The port

  @Test func `a free port is free, a taken one is not`() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        #expect(unsafe bind(descriptor, generic, size) == 0)
        #expect(listen(descriptor, 1) == 0)
        #expect(unsafe getsockname(descriptor, generic, &size) == 0)
      }
    }
    let port = UInt16(bigEndian: address.sin_port)
    func level(_ host: String, _ port: UInt16) -> CheckFinding.Level? {
      PortTrial(listen: Endpoint(host: host, port: port)).findings().first?.level
    }
    #expect(level("127.0.0.1", port) == .warning)
    #expect(level("127.0.0.1", 0) == .ok)
    #expect(level("192.0.2.1", 9479) == .fault)
    #expect(level("no-such-host.invalid", 9479) == .fault)
    #expect(PortTrial(listen: nil).findings().first?.level == .ok)
  }
}

import Foundation
import TestSupport

@testable import Decode

/// Google's Protobuf for Python as a second opinion: `Tests/Python/decode_oracle.py` reads the same
/// bytes with the same mapping and prints the lines that `Fixture.line` must print.
enum PythonOracle {
  struct Failed: Error, CustomStringConvertible {
    let description: String
  }

  /// Messages of one schema and mapping.
  struct Case {
    var set: [UInt8]
    var mapping: MessageMapping
    /// Paths of the metrics, with keys where they are columns of a map.
    var metrics: [(path: String, key: String?)]
    var messages: [[UInt8]]
  }

  /// One line a message, of all cases in turn: "refused" where Python cannot parse it.
  static func lines(for cases: [Case]) throws -> [String] {
    try lines(for: cases, of: "decode_oracle.py")
  }

  /// One line a message, of all cases in turn: what its schema does not have, "-" if nothing.
  static func drift(for cases: [Case]) throws -> [String] {
    try lines(for: cases, of: "drift_oracle.py")
  }

  private static func lines(for cases: [Case], of script: String) throws -> [String] {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("downlink-oracle-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    var index: [[String: Any]] = []
    for (number, oracleCase) in cases.enumerated() {
      var input = Data()
      for message in oracleCase.messages {
        input.append(
          contentsOf: (0..<4).map { UInt8(truncatingIfNeeded: message.count >> (8 * $0)) })
        input.append(contentsOf: message)
      }
      try input.write(to: folder.appendingPathComponent("messages\(number)"))
      try Data(oracleCase.set).write(to: folder.appendingPathComponent("set\(number)"))
      index.append([
        "set": "set\(number)", "messages": "messages\(number)", "mapping": json(oracleCase),
      ])
    }
    let cases = try JSONSerialization.data(withJSONObject: index)
    try cases.write(to: folder.appendingPathComponent("cases.json"))
    return try Protobuf.python(file: script, [folder.path])
      .split(separator: "\n").map(String.init)
  }

  /// The schema that the built-in descriptor set was made from.
  static func builtInProtoText() throws -> String {
    try Repository.text(of: "Sources/CTelemetryProto/telemetry.proto")
  }

  private static func json(_ oracleCase: Case) -> [String: Any] {
    let mapping = oracleCase.mapping
    var json: [String: Any] = [
      "message": mapping.messageName, "time": mapping.time.field,
      "attributes": mapping.attributes.map(\.field),
      "metrics": oracleCase.metrics.map { metric in
        metric.key.map { ["path": metric.path, "key": $0] } ?? ["path": metric.path]
      },
      "plausible_from": mapping.plausibleFromMicros, "implicit_zero": mapping.implicitZero,
    ]
    if case .field(let field) = mapping.device { json["device"] = field }
    json["unit"] = mapping.time.unit?.rawValue
    json["rows"] = mapping.rows
    json["sequence"] = mapping.sequence
    json["metric_name"] = mapping.narrowMetric?.nameField
    return json
  }
}

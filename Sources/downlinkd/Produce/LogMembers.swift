import Base
import Decode

/// The members of a record log's line that say what a message holds.
enum LogMembers {
  static func append(_ message: TelemetryBatchMessage, to line: inout [UInt8]) {
    appendHead(
      message.deviceID, message.sequence,
      [("region", message.region), ("firmware", message.firmware), ("model", message.model)],
      to: &line)
    for (index, sample) in message.samples.enumerated() {
      line.append(contentsOf: index == 0 ? "[".utf8 : ",[".utf8)
      line.append(contentsOf: String(sample.timeUnixMicros ?? 0).utf8)
      line.append(contentsOf: ",{".utf8)
      append(sample.metric ?? "", sample.value ?? 0, to: &line)
      line.append(contentsOf: "}]".utf8)
    }
    line.append(UInt8(ascii: "]"))
  }

  static func append(_ message: DeviceTelemetryMessage, to line: inout [UInt8]) {
    appendHead(
      message.deviceID, message.sequence,
      [("region", message.region), ("firmware", message.firmware)], to: &line)
    line.append(UInt8(ascii: "["))
    line.append(contentsOf: String((message.timeUnixMillis ?? 0) * 1000).utf8)
    line.append(contentsOf: ",{".utf8)
    var isFirst = true
    for (name, value) in zip(DeviceTelemetryMessage.metricNames, message.metrics) {
      guard let value else { continue }
      if !isFirst { line.append(UInt8(ascii: ",")) }
      isFirst = false
      append(name, value, to: &line)
    }
    line.append(contentsOf: "}]]".utf8)
  }

  /// A record that no reader can read; `payload` nil where its value is null.
  static func appendDead(payload: [UInt8]?, to line: inout [UInt8]) {
    line.append(contentsOf: #""dead":true,"payload_base64":"#.utf8)
    guard let payload else {
      line.append(contentsOf: "null".utf8)
      return
    }
    line.append(UInt8(ascii: "\""))
    Base64.append(payload, to: &line)
    line.append(UInt8(ascii: "\""))
  }

  /// Device, sequence, attributes, and the beginning of the rows.
  private static func appendHead(
    _ device: String?, _ sequence: UInt64?, _ attributes: [(String, String?)],
    to line: inout [UInt8]
  ) {
    line.append(contentsOf: #""device":"#.utf8)
    JSONValue.write(string: device ?? "", into: &line)
    if let sequence { line.append(contentsOf: ",\"sequence\":\(sequence)".utf8) }
    line.append(contentsOf: #","attributes":{"#.utf8)
    var isFirst = true
    for (name, value) in attributes {
      guard let value else { continue }
      if !isFirst { line.append(UInt8(ascii: ",")) }
      isFirst = false
      line.append(contentsOf: "\"\(name)\":".utf8)
      JSONValue.write(string: value, into: &line)
    }
    line.append(contentsOf: #"},"rows":["#.utf8)
  }

  /// The shortest decimal that reads back as the same double.
  private static func append(_ name: String, _ value: Double, to line: inout [UInt8]) {
    JSONValue.write(string: name, into: &line)
    line.append(UInt8(ascii: ":"))
    line.append(contentsOf: value.description.utf8)
  }
}

/// RFC 4648, section 4.
enum Base64 {
  private static let letters = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func append(_ bytes: [UInt8], to text: inout [UInt8]) {
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let count = min(3, bytes.count - start)
      var group: UInt32 = 0
      for index in 0..<3 {
        group = group << 8 | (index < count ? UInt32(bytes[start + index]) : 0)
      }
      for index in 0..<4 {
        let letter = letters[Int(group >> UInt32(18 - 6 * index) & 63)]
        text.append(index <= count ? letter : UInt8(ascii: "="))
      }
    }
  }
}

import Config
import Glibc
import Testing

/// The smallest configuration there is: every other key has a default.
let minimal = """
  pipeline: fleet
  kafka: {brokers: [b:9092]}
  sources:
    - name: snapshots
      topics: [telemetry]
      message: fleet.telemetry.v1.DeviceTelemetry
      device: device_id
      time: {field: time_unix_ms, unit: ms}
  storage: {root: /srv/downlink}

  """

/// Reads a text that must have no faults.
func read(
  _ text: String, file: String = "/etc/downlink/downlinkd.yaml", environment: [String: String] = [:]
) throws -> Configuration {
  try Configuration.parse(Array(text.utf8), file: file, environment: environment)
}

/// The faults of a text; records an issue where it has none.
func faults(
  of text: String, environment: [String: String] = [:],
  sourceLocation: SourceLocation = #_sourceLocation
) -> [ConfigFault] {
  do {
    _ = try Configuration.parse(
      Array(text.utf8), file: "/etc/downlink/downlinkd.yaml", environment: environment)
    Issue.record("the text has no fault", sourceLocation: sourceLocation)
    return []
  } catch {
    return error.faults
  }
}

/// The text of a file, or nil where it cannot be read.
func fileText(_ path: String) -> String? {
  guard let file = unsafe fopen(path, "r") else { return nil }
  defer { unsafe fclose(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 64 << 10)
  while true {
    let count = unsafe fread(&chunk, 1, chunk.count, file)
    if count == 0 { return String(validating: bytes, as: UTF8.self) }
    bytes += chunk[..<count]
  }
}

import Base
import Config
import Decode
import Foundation
import Pipeline
import Telemetry
import Testing

@testable import downlinkd

/// `downlinkd schema show`, and sources whose types come from different places.
@Suite struct SchemaShowTests {
  private static let orbit = """
    syntax = "proto3";
    package acme;
    import "power.proto";
    message Orbit {
      string id = 1;
      int64 at_ms = 2;
      Position position = 3;
      optional float temperature_c = 4;
      Power power = 5;
      repeated Orbit neighbours = 6;
      map<string, double> values = 7;
      oneof payload { string note = 8; Mode mode = 9; }
    }
    message Position { double altitude_km = 1; double speed_km_s = 2; }
    enum Mode { SAFE = 0; NOMINAL = 1; }

    """
  private static let power =
    "syntax = \"proto3\"; package acme; message Power { double bus_w = 1; double solar_w = 2; }\n"

  /// A folder with the `.proto` files in `protos` and a configuration that uses them.
  private func inFolder(_ body: (_ configuration: String, _ set: String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("downlink-show-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let protos = folder.appendingPathComponent("protos")
    try FileManager.default.createDirectory(at: protos, withIntermediateDirectories: true)
    try Data(Self.orbit.utf8).write(to: protos.appendingPathComponent("orbit.proto"))
    try Data(Self.power.utf8).write(to: protos.appendingPathComponent("power.proto"))
    let text = """
      pipeline: fleet
      kafka: {brokers: [b:9092]}
      storage: {root: data}
      sources:
        - name: orbits
          topics: [orbits]
          message: acme.Orbit
          protos: {folder: protos}
          device: id
          time: {field: at_ms, unit: ms}
          metrics: [temperature_c, {field: position.altitude_km, name: altitude, unit: km}]
        - name: power
          topics: [power]
          message: acme.Orbit
          descriptor_set: set.binpb
          device: $key
          time: {field: at_ms, unit: ms}
        - name: snapshots
          topics: [telemetry]
          message: fleet.telemetry.v1.DeviceTelemetry
          device: device_id
          time: {field: time_unix_ms, unit: ms}
          attributes: [region]
          sequence: sequence
      """
    let file = folder.appendingPathComponent("downlinkd.yaml")
    let onlyProtos = text.replacing("descriptor_set: set.binpb", with: "protos: {folder: protos}")
    try Data(onlyProtos.utf8).write(to: file)
    let set = try Configuration.load(file: file.path, environment: Environment.variables)
      .sources[0].descriptorSet
    try Data(set?.bytes ?? []).write(to: folder.appendingPathComponent("set.binpb"))
    try Data(text.utf8).write(to: file)
    try body(file.path, folder.path + "/set.binpb")
  }

  @Test func `every source reads its types from where it says`() throws {
    try inFolder { configuration, _ in
      let (_, wiring) = try Checked.load(configuration)
      let schemas = wiring.pipeline.sources.map(\.plan.schema)
      #expect(schemas.map { $0.metrics.map(\.name) }[0] == ["temperature_c", "altitude"])
      #expect(
        schemas[1].metrics.map(\.name) == [
          "position_altitude_km", "position_speed_km_s", "temperature_c", "power_bus_w",
          "power_solar_w",
        ])
      #expect(schemas[2].metrics.count == 10)
    }
  }

  @Test func `columns are shown with type, unit, numbers and field`() throws {
    try inFolder { configuration, _ in
      let text = try SourceColumns.all(inFile: configuration, named: "orbits").text
      let folder = configuration.dropLast("/downlinkd.yaml".count)
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines[0] == "source orbits: acme.Orbit (\(folder)/protos)")
      #expect(lines[1] == "topics orbits")
      #expect(
        lines[3...8].joined(separator: "\n") == """
          table readings_orbits
            column             type       unit  number  field
            device_id          string           1       id (string)
            event_time         timestamp        2       at_ms (int64)
            temperature_c      float            4       temperature_c (float)
            altitude           double     km    3.1     position.altitude_km (double)
          """)
      #expect(lines.contains("  event_date         date"))
      #expect(text.hasSuffix("attributes in windows and anomalies: none\n"))
      let all = try SourceColumns.all(inFile: configuration, named: nil)
      #expect(all.text.contains("power.bus_w (double)"))
      #expect(all.text.contains("attributes in windows and anomalies: region"))
      let columns = all.json["sources"]?.arrayValue?[1]["table"]?["columns"]?.arrayValue ?? []
      let column = try #require(columns.first { $0["name"]?.stringValue == "power_solar_w" })
      #expect(
        column.text == """
          {"name":"power_solar_w","type":"double","unit":null,"path":"power.solar_w",\
          "map_key":null,"field_numbers":[5,2],"field_type":"double"}
          """)
    }
  }

  @Test func `a message is shown with all that is inside, once`() throws {
    try inFolder { _, set in
      let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: set)))
      let catalogue = try MessageCatalogue(descriptorSet: bytes, path: set)
      let type = try #require(catalogue.type(named: "acme.Orbit"))
      #expect(
        MessageOutline(root: type).text == """
          acme.Orbit
             1  id             string
             2  at_ms          int64
             3  position       acme.Position
                1  altitude_km  double
                2  speed_km_s   double
             4  temperature_c  float
             5  power          acme.Power
                1  bus_w    double
                2  solar_w  double
             6  neighbours     repeated acme.Orbit (above)
             7  values         map<string, double>
             8  note           string, one of payload
             9  mode           acme.Mode (SAFE = 0, NOMINAL = 1), one of payload

          """)
      let flat = MessageOutline(catalogue.types).text
      #expect(flat.contains("acme.Power\n   1  bus_w    double\n"))
      #expect(flat.contains("6  neighbours     repeated acme.Orbit\n"))
      let json = MessageOutline(root: type).json
      let names = json["messages"]?.arrayValue?.compactMap { $0["name"]?.stringValue }
      #expect(
        names == ["acme.Orbit", "acme.Position", "acme.Power", "acme.Orbit.ValuesEntry"])
    }
  }

  @Test func `a set that lacks imports is a fault at its key`() throws {
    try inFolder { configuration, set in
      // Files of a set stand in the order of imports: without the first the second lacks it.
      let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: set)))
      try Data(bytes.dropFirst(2 + Int(bytes[1]))).write(to: URL(fileURLWithPath: set))
      let read = try Configuration.load(file: configuration, environment: Environment.variables)
      let faults: [ConfigFault]
      do throws(ConfigFaults) {
        _ = try Wiring(read)
        faults = []
      } catch {
        faults = error.faults
      }
      #expect(faults.map(\.keyPath) == ["sources[1].descriptor_set"])
      #expect(
        faults.first?.message == "\(set): the set lacks power.proto (imported by orbit.proto)")
      #expect(
        faults.first?.suggestion
          == "make it with: protoc --include_imports --descriptor_set_out=FILE …")
    }
  }
}

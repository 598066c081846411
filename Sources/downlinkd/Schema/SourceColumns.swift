import ArgumentParser
import Base
import Config
import Decode
import Pipeline
import Telemetry

/// The columns that the mappings of a configuration yield, and where each comes from.
struct SourceColumns: SchemaDocument {
  /// A source's plan, the file of its message type, and what it comes to.
  private struct Source {
    let plan: DecodePlan
    let topics: [String]
    let schemaFile: String
    let readings: TableOutline
  }

  private let sources: [Source]
  /// `windows` and `anomalies`, of all sources of the file together.
  private let findings: [TableOutline]

  /// - Parameter name: of the one source to show; all if nil.
  static func all(inFile file: String, named name: String?) throws -> SourceColumns {
    let (configuration, wiring) = try Checked.load(file)
    let names = configuration.sources.map(\.name)
    if let name, !names.contains(name) {
      complain("\(file): there is no source \(name); there is \(names.joined(separator: ", "))")
      throw ExitCode(Exit.usage)
    }
    let sources = zip(configuration.sources, wiring.pipeline.sources)
      .filter { name == nil || $0.0.name == name }
      .map { declared, options in
        Source(
          plan: options.plan, topics: options.topics,
          schemaFile: declared.descriptorSet?.path ?? "built in",
          readings: .readings(of: options.plan.schema))
      }
    return SourceColumns(
      sources: sources, findings: TableOutline.findings(of: wiring.pipeline.sources))
  }

  // MARK: - Text

  var text: String {
    var lines: [String] = []
    for source in sources {
      if !lines.isEmpty { lines.append("") }
      let schema = source.plan.schema
      lines.append("source \(schema.source): \(source.plan.type.name) (\(source.schemaFile))")
      lines.append("topics \(source.topics.joined(separator: ", "))")
      if let rows = source.plan.mapping.rows { lines.append("one row for each of \(rows)") }
      lines.append("")
      lines.append("table \(source.readings.name)")
      lines += Self.table(rows(of: source))
      let attributes = schema.attributes.joined(separator: ", ")
      let tables = findings.map(\.name).joined(separator: " and ")
      lines.append("")
      lines.append("attributes in \(tables): \(attributes.isEmpty ? "none" : attributes)")
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private func rows(of source: Source) -> [[String]] {
    let titles = ["column", "type", "unit", "number", "field"]
    return [titles]
      + source.readings.columns.map { column in
        let origin = Origin(of: column.name, in: source.plan)
        return [column.name, column.type, column.unit ?? "", origin.numbers, origin.text]
      }
  }

  private static func table(_ rows: [[String]]) -> [String] {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = "  " + zip(row, widths).map { $0.padded(to: $1) }.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// Where one column of a source's readings comes from.
  private struct Origin {
    let path: String?
    let fields: [MessageField]
    /// Of the map that `path` leads to.
    let key: String?

    init(of column: String, in plan: DecodePlan) {
      path = plan.path(ofColumn: column)
      fields = path.flatMap { plan.type.fields(atPath: $0) } ?? []
      key = plan.mapKey(ofColumn: column)
    }

    /// `2.1`, from the outermost message.
    var numbers: String { fields.map { "\($0.number)" }.joined(separator: ".") }

    var text: String {
      guard let path else { return "" }
      let place = path + (key.map { "[\($0)]" } ?? "")
      return fields.last.map { "\(place) (\($0.typeName))" } ?? place
    }
  }

  // MARK: - JSON

  var json: JSONValue {
    [
      "sources": .array(
        sources.map { source in
          [
            "name": .string(source.plan.schema.source),
            "message": .string(source.plan.type.name),
            "schema": .string(source.schemaFile),
            "topics": .array(source.topics.map { .string($0) }),
            "rows": .optional(source.plan.mapping.rows),
            "table": Self.object(source.readings, plan: source.plan),
          ]
        }),
      "tables": .array(findings.map { Self.object($0, plan: nil) }),
    ]
  }

  private static func object(_ table: TableOutline, plan: DecodePlan?) -> JSONValue {
    [
      "name": .string(table.name),
      "columns": .array(table.columns.map { object($0, plan: plan) }),
    ]
  }

  private static func object(_ column: TableOutline.Column, plan: DecodePlan?) -> JSONValue {
    var members = [
      JSONMember("name", .string(column.name)), JSONMember("type", .string(column.type)),
      JSONMember("unit", .optional(column.unit)),
    ]
    if let plan {
      let origin = Origin(of: column.name, in: plan)
      members += [
        JSONMember("path", .optional(origin.path)), JSONMember("map_key", .optional(origin.key)),
        JSONMember("field_numbers", .array(origin.fields.map { .int($0.number) })),
        JSONMember("field_type", .optional(origin.fields.last?.typeName)),
      ]
    }
    return .object(members)
  }
}

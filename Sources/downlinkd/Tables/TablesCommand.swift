import ArgumentParser
import Base
import Storage
import TableReading

/// `downlinkd tables`: what there is to query, and how far it is final.
struct TablesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tables",
    abstract: "List the tables: columns, sizes, dates, and how far they are final.",
    discussion: """
      With a table's name it shows the columns with their units. It reads the tables' logs and the \
      files of the table devices only; neither Kafka nor a stopped pipeline is needed.

      Windows are final through a time when no row of them that ends by then can come any more, \
      from any device that is awake (docs/EVENT_TIME.md).

      Exit codes: 0 done, 65 a table's log is damaged, 69 there is no such table or root, 78 the \
      configuration does not fit.
      """)

  @Argument(help: "A table, such as windows, for its columns.")
  var name: String?

  @OptionGroup var place: InspectedRoot

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func run() throws {
    var catalog = TableCatalog(storage: try place.storage())
    do throws(StorageError) { try catalog.follow() } catch {
      complain("tables: \(error)")
      throw ExitCode(Exit.unavailable)
    }
    if let name {
      guard let table = catalog.entries.first(where: { $0.name == name }) else {
        complain("tables: there is no table \(InspectText.name(name))")
        throw ExitCode(Exit.unavailable)
      }
      print(json ? table.json.text : TablesText.columns(of: table))
    } else {
      print(
        json
          ? catalog.json(program: Program.name, atMicros: WallClock.nowMicros()).text
          : TablesText.text(catalog))
    }
    let troubled = catalog.entries.filter { $0.trouble != nil && name ?? $0.name == $0.name }
    for table in troubled {
      complain("tables: \(InspectText.name(table.name)): \(table.trouble ?? "")")
    }
    if !troubled.isEmpty { throw ExitCode(Exit.findings) }
  }
}

/// The catalog for people.
enum TablesText {
  static func text(_ catalog: TableCatalog) -> String {
    if catalog.entries.isEmpty { return "no tables yet" }
    var rows = [["table", "version", "files", "size", "rows", "dates", "last commit"]]
    for table in catalog.entries {
      rows.append([
        InspectText.name(table.name), table.version < 0 ? "-" : "\(table.version)",
        "\(table.fileCount)", InspectText.bytes(table.byteCount),
        table.rowCount.map { "\($0)" } ?? "-", dates(table),
        InspectText.time(table.committedAtMillis.map { $0 * 1000 }),
      ])
    }
    var lines = InspectText.table(rows, right: [1, 2, 3, 4])
    let fixed = catalog.entries.filter { $0.isAppendOnly }.map { InspectText.name($0.name) }
    if !fixed.isEmpty {
      lines += ["", "append-only by delta.appendOnly, so no row is ever removed: "
        + fixed.joined(separator: ", ")]
    }
    if !catalog.sources.isEmpty { lines += [""] + finality(catalog.sources) }
    if let trouble = catalog.finalityTrouble {
      lines += ["", "nothing is known to be final: \(trouble)"]
    }
    return lines.joined(separator: "\n")
  }

  private static func dates(_ table: TableCatalog.Entry) -> String {
    guard let days = table.days else { return "-" }
    let first = Timestamp.dateText(day: days.lowerBound)
    return days.count == 1 ? first : "\(first) to \(Timestamp.dateText(day: days.upperBound))"
  }

  private static func finality(_ sources: [SourceFinality]) -> [String] {
    var rows = [
      [
        "source", "devices", "awake", "windows final through", "asleep and behind",
        "awake without a time", "as of entry",
      ]
    ]
    for source in sources {
      rows.append([
        InspectText.name(source.source), "\(source.deviceCount)", "\(source.awakeCount)",
        InspectText.time(source.finalThrough ?? source.finalThroughOfAll),
        "\(source.sleepingBehindCount)", "\(source.timelessCount)",
        source.ledgerVersion.map { "\($0)" } ?? "-",
      ])
    }
    return InspectText.table(rows, right: [1, 2, 4, 5, 6])
  }

  static func columns(of table: TableCatalog.Entry) -> String {
    var rows = [["column", "type", "unit", "description"]]
    for column in table.columns {
      let description = column.description.map { InspectText.name($0, countMax: 100) } ?? ""
      rows.append([
        InspectText.name(column.name), column.type,
        column.unit.map { InspectText.name($0) } ?? "",
        column.isPartition ? (["partition column"] + (description.isEmpty ? [] : [description]))
          .joined(separator: "; ") : description,
      ])
    }
    return InspectText.table(rows).joined(separator: "\n")
  }
}

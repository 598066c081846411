import ArgumentParser
import Base
import Parquet
import Storage

/// `downlinkd inspect parquet`: what the footer and the page headers of a Parquet file say.
struct InspectParquetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "parquet",
    abstract: "Show a Parquet file's schema, row groups, pages, encodings, sizes and bounds.",
    discussion: """
      Any Parquet file, ours or another program's, as far as its footer and the headers of its \
      pages say; no values are read. At most \(ParquetOutline.headerCountMax) pages are looked at.

      Exit codes: 0 done, 65 it is damaged or no Parquet file, 69 it cannot be read.
      """)

  @Argument(help: .init("The file, by its path on this machine.", valueName: "file"))
  var file: String

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func run() throws {
    var outline: ParquetOutline
    do {
      // A folder as root, for the same careful reads as everywhere.
      let path = file.hasPrefix("/") ? file : "./" + file
      let folder = StoragePath.folder(of: path)
      let name = StoragePath.name(of: path)
      let storage = try POSIXStorage(root: folder.isEmpty ? "/" : folder, access: .readOnly)
      let size = try storage.size(name)
      func read(_ position: Int, _ count: Int) throws -> [UInt8] {
        try storage.read(name, from: Int64(position), byteCount: count)
      }
      outline = try ParquetOutline(byteCount: Int(size), readRange: read)
      try outline.readPages(read)
    } catch let error as StorageError {
      throw inspectionFailed("\(file): \(error)", damaged: false)
    } catch let error as ParquetError {
      if case .unreadable(let reason) = error {
        throw inspectionFailed("\(file): \(reason)", damaged: false)
      }
      throw inspectionFailed("\(file): \(error)", damaged: true)
    }
    let text = ParquetText(outline)
    print(json ? text.json(file).text : text.text(file))
    if let damage = text.damage { throw inspectionFailed("\(file): \(damage)", damaged: true) }
  }
}

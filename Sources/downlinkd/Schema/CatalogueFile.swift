import ArgumentParser
import Decode

/// Descriptor sets that are named on the command line.
enum CatalogueFile {
  /// What the built-in types are called there.
  static let builtIn = "built-in"

  /// The types of a set. Ends the program with exit code 78 where it cannot be read.
  static func read(_ file: String) throws -> MessageCatalogue {
    if file == builtIn { return .builtIn }
    do {
      return try MessageCatalogue(descriptorSet: bytes(of: file), path: file)
    } catch let error as ProduceError {
      complain("\(error)")
    } catch let error as DescriptorSetError {
      complain("\(error)")
    }
    throw ExitCode(Exit.configuration)
  }

  private static func bytes(of file: String) throws(ProduceError) -> [UInt8] {
    var input = try ByteInput.open(file)
    var bytes: [UInt8] = []
    // More than a set may have: the catalogue says so.
    var chunk: [UInt8] = []
    while bytes.count <= 64 << 20 {
      try input.read(into: &chunk)
      if chunk.isEmpty { break }
      bytes += chunk
    }
    return bytes
  }
}

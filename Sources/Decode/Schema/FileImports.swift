/// The imports between the files of a descriptor set: all there, and in no circle.
///
/// A set that protoc wrote without `--include_imports` is the usual fault: it says what is missing
/// and who wants it.
struct FileImports {
  private static let namedCountMax = 3

  private let path: String
  private let files: [FileDeclaration]
  private let indexes: [String: Int]

  init(_ files: [FileDeclaration], path: String) {
    self.path = path
    self.files = files
    indexes = Dictionary(
      files.indices.map { (files[$0].name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  func check() throws(DescriptorSetError) {
    try checkNames()
    try checkPresence()
    try checkOrder()
  }

  private func checkNames() throws(DescriptorSetError) {
    for (index, file) in files.enumerated() {
      guard !file.name.isEmpty else {
        throw DescriptorSetError(
          path: path, problem: "a file of the set has no name",
          suggestion: DescriptorSetError.remedy)
      }
      guard indexes[file.name] == index else {
        throw DescriptorSetError(
          path: path, problem: "the set holds \(SchemaLinker.shown(file.name)) twice",
          suggestion: "make one set of all files instead of joining sets")
      }
    }
  }

  private func checkPresence() throws(DescriptorSetError) {
    var importers: [(name: String, importer: String)] = []
    var seen: Set<String> = []
    for file in files {
      for name in file.dependencies where indexes[name] == nil && seen.insert(name).inserted {
        importers.append((name, file.name))
      }
    }
    guard !importers.isEmpty else { return }
    var parts = importers.prefix(Self.namedCountMax).map {
      "\(SchemaLinker.shown($0.name)) (imported by \(SchemaLinker.shown($0.importer)))"
    }
    if importers.count > parts.count { parts.append("\(importers.count - parts.count) more") }
    throw DescriptorSetError(
      path: path, problem: "the set lacks \(parts.joined(separator: ", "))",
      suggestion: DescriptorSetError.remedy)
  }

  /// Takes away, again and again, files that import nothing any more; what is left are circles and
  /// their importers.
  private func checkOrder() throws(DescriptorSetError) {
    let imports = files.map { file in Set(file.dependencies.compactMap { indexes[$0] }) }
    var importers: [[Int]] = Array(repeating: [], count: files.count)
    for (index, wanted) in imports.enumerated() {
      for other in wanted { importers[other].append(index) }
    }
    var waiting = imports.map(\.count)
    var ready = files.indices.filter { waiting[$0] == 0 }
    while let index = ready.popLast() {
      for importer in importers[index] {
        waiting[importer] -= 1
        if waiting[importer] == 0 { ready.append(importer) }
      }
    }
    guard let start = files.indices.first(where: { waiting[$0] > 0 }) else { return }
    // Every file that is left imports one that is left, so this walk comes round.
    var walk = [start]
    var places = [start: 0]
    while let next = imports[walk[walk.count - 1]].filter({ waiting[$0] > 0 }).min() {
      walk.append(next)
      if let place = places[next] {
        walk.removeFirst(place)
        break
      }
      places[next] = walk.count - 1
    }
    let names = walk.prefix(10).map { SchemaLinker.shown(files[$0].name) }
    throw DescriptorSetError(
      path: path, problem: "imports go round in a circle: \(names.joined(separator: " → "))",
      suggestion: "Protobuf allows none between files: move what they share into a third")
  }
}

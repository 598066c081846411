/// Why bytes are no descriptor set that can be used, in words for the person who made it.
package struct DescriptorSetError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file, as the configuration names it.
  package let path: String
  /// What is wrong, in one sentence that may follow the path.
  package let problem: String
  /// What to do about it, where that can be told.
  package let suggestion: String?

  init(path: String, problem: String, suggestion: String? = nil) {
    self.path = path
    self.problem = problem
    self.suggestion = suggestion
  }

  package var description: String {
    suggestion.map { "\(path): \(problem); \($0)" } ?? "\(path): \(problem)"
  }

  /// The command that makes a complete set.
  static let remedy = "make it with: protoc --include_imports --descriptor_set_out=FILE …"
}

//! The ids by which pytest names benchmarks: `FILE::CLASS::TEST[PARAMETERS]`.

/// The remedy for ids that change from process to process.
pub(crate) const FIXED_IDS: &str =
    "give the parameters fixed ids, with `ids=[...]` or `pytest.param(..., id=\"...\")`";

/// Whether a benchmark's id lies in a file, class or folder that pytest names.
pub(crate) fn is_in_node(id: &str, node: &str) -> bool {
    id.strip_prefix(node).is_some_and(|rest| {
        rest.is_empty() || rest.starts_with("::") || rest.starts_with('/') || rest.starts_with('[')
    })
}

#[cfg(test)]
mod tests {
    use super::is_in_node;

    #[test]
    fn node_names_end_at_separators() {
        assert!(is_in_node("a/b.py::x", "a/b.py"));
        assert!(is_in_node("a/b.py::C::x[1]", "a/b.py::C"));
        assert!(!is_in_node("a/b.pyx::x", "a/b.py"));
    }
}

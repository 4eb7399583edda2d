//! From a filter to a tree of conditions prepared for one source.

use model::{FieldPath, Filter, Test};
use rows::RowSet;
use scalar::Prepared;

use crate::check::Check;
use crate::compiled::{Compiled, NestedNode, Node, WhereNode};
use crate::field::FieldNode;
use crate::nested::{self, ObjectFilter};
use crate::source::RowSource;
use crate::where_term;

/// Prepares `filter` for the rows of `source`: ids looked up, texts parsed, columns found, and the
/// conditions of each conjunction put in order, the cheapest first.
pub fn compile<'a>(filter: &'a Filter, source: &'a dyn RowSource) -> Compiled<'a> {
    Compiled::new(prepare(filter, source), source)
}

fn prepare<'a>(filter: &'a Filter, source: &'a dyn RowSource) -> Node<'a> {
    let each = |of: &'a [Filter]| {
        let mut nodes: Vec<_> = of.iter().map(|inner| prepare(inner, source)).collect();
        nodes.sort_by_key(Node::cost);
        nodes
    };
    match filter {
        Filter::All(of) => Node::All(each(of)),
        Filter::Any(of) => Node::Any(each(of)),
        Filter::AtLeast { count, of } => Node::AtLeast {
            count: *count,
            of: each(of),
        },
        Filter::Not(inner) => Node::Not(Box::new(prepare(inner, source))),
        Filter::Field { path, test } => field(path, test, source),
        Filter::HasId(ids) => Node::Rows(
            ids.iter()
                .filter_map(|id| source.find(id))
                .collect::<RowSet>(),
        ),
        Filter::HasVector(name) => Node::HasVector(name),
        Filter::Slice { total, index } => Node::Slice {
            total: *total,
            index: *index,
        },
        Filter::Nested { path, filter } => {
            let path = path.clone().each();
            Node::Nested(Box::new(NestedNode {
                filter: ObjectFilter::new(filter, &path, source),
                implied: nested::implied(filter, &path, source),
                path,
            }))
        }
        Filter::Where(term) => Node::Where(Box::new(WhereNode {
            term: Prepared::new(term),
            implied: where_term::implied(term, source),
        })),
    }
}

fn field<'a>(path: &'a FieldPath, test: &'a Test, source: &'a dyn RowSource) -> Node<'a> {
    let check = Check::new(test, source.declared(path));
    Node::Field(Box::new(FieldNode::new(
        path.steps(),
        check,
        source.column(path),
    )))
}

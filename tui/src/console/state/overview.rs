//! The list of the screen Overview: every listener, with its routes below it, and what is selected.
//!
//! The selection is a name, never a position. Rates come from `model`, painting is the view's.

use poise_ipc::name::Name;
use poise_ipc::status::{ListenerStatus, RouteStatus};

use super::model::Model;

/// A line of the list.
#[derive(Clone, Copy, Debug)]
pub enum Line<'a> {
    /// A listener.
    Listener(&'a ListenerStatus),
    /// The names of the columns of its routes.
    Heads,
    /// One of its routes; the last one stands for what none of them takes.
    Route(&'a ListenerStatus, &'a RouteStatus),
}

/// What is selected: a listener, or one of its routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The listener.
    pub listener: Name,
    /// The route, by its name; the inner `None` stands for what no route takes.
    pub route: Option<Option<Name>>,
}

impl Line<'_> {
    /// What is selected when this line is; nothing for heads.
    pub fn target(&self) -> Option<Selected> {
        match self {
            Self::Listener(listener) => Some(Selected { listener: listener.name.clone(), route: None }),
            Self::Route(listener, route) => {
                Some(Selected { listener: listener.name.clone(), route: Some(route.name.clone()) })
            }
            Self::Heads => None,
        }
    }
}

/// The look at the list.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    selected: Option<Selected>,
    /// First line on the screen.
    pub top: usize,
}

impl Overview {
    /// All lines, in order.
    pub fn lines(model: &Model) -> Vec<Line<'_>> {
        let mut lines = Vec::new();
        for listener in &model.status().listeners {
            lines.push(Line::Listener(listener));
            lines.extend((!listener.routes.is_empty()).then_some(Line::Heads));
            lines.extend(listener.routes.iter().map(|route| Line::Route(listener, route)));
        }
        lines
    }

    /// The position of the selected line: the first one unless the operator chose another. Of a route
    /// that is gone its listener stays selected.
    pub fn position(&self, lines: &[Line<'_>]) -> usize {
        let Some(wanted) = &self.selected else { return 0 };
        let at = |wanted: &Selected| lines.iter().position(|line| line.target().as_ref() == Some(wanted));
        let listener = Selected { route: None, ..wanted.clone() };
        at(wanted).or_else(|| at(&listener)).unwrap_or(0)
    }

    /// What is selected.
    pub fn selected<'m>(&self, model: &'m Model) -> Option<Line<'m>> {
        let lines = Self::lines(model);
        lines.get(self.position(&lines)).copied()
    }

    /// Moves the selection by some lines; stops at the ends and steps over heads.
    pub fn move_by(&mut self, model: &Model, delta: isize) {
        let lines = Self::lines(model);
        let last = lines.len().saturating_sub(1);
        let at = self.position(&lines).saturating_add_signed(delta).min(last);
        // A listener stands above heads and a route below them.
        let at = match lines.get(at) {
            Some(Line::Heads) if delta > 0 => at + 1,
            Some(Line::Heads) => at.saturating_sub(1),
            _ => at,
        };
        self.selected = lines.get(at).and_then(Line::target);
    }

    /// Scrolls so that the selection, with its heads when it is the first route, is on a list of
    /// `height` lines.
    pub fn scroll(&mut self, model: &Model, height: usize) {
        let lines = Self::lines(model);
        let at = self.position(&lines);
        let first = if at > 0 && matches!(lines[at - 1], Line::Heads) { at - 1 } else { at };
        let lowest = (at + 1).saturating_sub(height.max(1));
        self.top = self.top.min(first).max(lowest).min(lines.len().saturating_sub(height.min(lines.len())));
    }
}

#[cfg(test)]
mod tests;

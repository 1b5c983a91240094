import "../styles/base.css";
import "./how.css";
import { text, translate } from "../strings";

translate(document, text.how.title);

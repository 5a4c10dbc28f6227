import "element-plus/theme-chalk/base.css";
import "element-plus/theme-chalk/dark/css-vars.css";
import "element-plus/es/components/message/style/css";
import "element-plus/es/components/message-box/style/css";
import "element-plus/es/components/loading/style/css";
import "./styles/base.css";

import { createApp } from "vue";

import App from "./App.vue";
import { router } from "./router";
import { resume } from "./stores/session";
import { followTheme } from "./stores/theme";

followTheme();
await resume();
createApp(App).use(router).mount("#app");
